//! What `up` prints once everything runs.

use crate::admin::Admin;
use crate::args::Up;
use crate::stack::{Proxy, Stack};
use crate::workspace::{native_binary, root, shown};

pub(super) struct Banner<'a> {
    pub(super) up: &'a Up,
    pub(super) stack: &'a Stack,
    pub(super) upstream: &'a str,
    pub(super) proxy: &'a Proxy,
    /// Whether the media service may fetch from the demo origin.
    pub(super) demo_media: bool,
}

impl Banner<'_> {
    pub(super) fn print(&self) {
        let addr = self.stack.addr();
        let demo = self.up.upstream.is_none();
        let origin = if demo { " (the demo origin)" } else { "" };
        println!("\nSekisho is up.\n");
        println!("  site      http://{addr}/");
        println!("  inbox     http://{addr}/inbox");
        println!("  upstream  http://{}/{origin}", self.upstream);
        if let Some(media) = self.stack.media() {
            println!("  media     http://{addr}/proxy/ (the service itself: http://{}/)", media.addr());
        }
        println!("  policy    {}", shown(&self.up.policy));
        if let Proxy::Envoy(_) = self.proxy {
            println!("  metrics   http://{}/stats/prometheus", self.stack.metrics_addr());
            println!("  admin     {}", self.stack.admin().curl("-sS", "/stats"));
            if let Admin::Tcp(_) = self.stack.admin() {
                println!("            (the admin interface is on TCP: whoever reaches it can change settings)");
            }
        }
        print!("  logs      {}, {}", shown(self.stack.access_log()), shown(self.stack.log()));
        match self.stack.media() {
            Some(media) => println!(", {}", shown(media.log())),
            None => println!(),
        }

        let answer = if demo {
            "prints 'accepted by the demo origin 202'"
        } else {
            "passes the filter, and the server answers (401, most likely: it is not signed)"
        };
        println!("\nAllowed, a note by its own author; {answer}:");
        println!("  {}", self.curl("allowed.json"));
        println!(
            "\nRefused, a note in the name of somebody else; prints '{{\"error\":{{..,\"rule\":\"inbox.owner\"}}}} 403':"
        );
        println!("  {}", self.curl("refused.json"));
        if self.stack.media().is_some() {
            self.print_media();
        }
        if let Proxy::Envoy(_) = self.proxy {
            self.print_changes();
        }
        if self.up.detach {
            println!("\nIt goes on in the background. `cargo xtask down` stops it.");
        } else {
            println!("\nCtrl-C stops it. Decisions:");
        }
    }

    fn print_media(&self) {
        let addr = self.stack.addr();
        if self.demo_media {
            let source = format!("http://{}/files/picture.png", self.upstream);
            println!("\nA picture of the demo origin, 240 x 160, through the media service; prints 'image/webp 200':");
            println!(
                "  curl -sS -o /dev/null -w '%{{content_type}} %{{http_code}}\\n' 'http://{addr}/proxy/preview.webp?preview=1&url={source}'"
            );
            println!(
                "  (For this demo alone it may fetch by http from 127.0.0.1, at this one port: the policy does not allow that.)"
            );
        } else {
            println!(
                "\nA picture of another server as a small WebP; the service fetches by https from public addresses only:"
            );
            println!("  curl -sS -o preview.webp 'http://{addr}/proxy/preview.webp?preview=1&url=https://..'");
        }
    }

    fn print_changes(&self) {
        let policy = shown(&self.up.policy);
        if self.up.detach {
            let (sekisho, filter) = (shown(&native_binary()), shown(&self.stack.filter_yaml()));
            println!("\nChange the policy: edit {policy}, then");
            println!("  {sekisho} publish {policy} {filter}");
        } else {
            println!(
                "\nChange the policy: edit {policy}. What you save is checked and published within a second (its section `media` counts from the next start)."
            );
        }
        let key = "/runtime_modify?sekisho.inbox.mentions.max=5";
        println!("One key of it, live, until Envoy ends (without a value after `=` the policy's own is back):");
        println!("  {}", self.stack.admin().curl("-X POST", key));
    }

    fn curl(&self, file: &str) -> String {
        let file = root().join("integration-tests/demo").join(file);
        format!(
            "curl -sS -w ' %{{http_code}}\\n' -H 'Content-Type: application/activity+json' --data-binary @{} http://{}/inbox",
            shown(&file),
            self.stack.addr()
        )
    }
}

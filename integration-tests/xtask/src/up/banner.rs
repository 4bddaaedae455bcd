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
        println!("  policy    {}", shown(&self.up.policy));
        if let Proxy::Envoy(_) = self.proxy {
            println!("  metrics   http://{}/stats/prometheus", self.stack.metrics_addr());
            println!("  admin     {}", self.stack.admin().curl("-sS", "/stats"));
            if let Admin::Tcp(_) = self.stack.admin() {
                println!("            (the admin interface is on TCP: whoever reaches it can change settings)");
            }
        }
        println!("  logs      {}, {}", shown(self.stack.access_log()), shown(self.stack.log()));

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
        if let Proxy::Envoy(_) = self.proxy {
            self.print_changes();
        }
        if self.up.detach {
            println!("\nIt goes on in the background. `cargo xtask down` stops it.");
        } else {
            println!("\nCtrl-C stops it. Decisions:");
        }
    }

    fn print_changes(&self) {
        let policy = shown(&self.up.policy);
        if self.up.detach {
            let (sekisho, filter) = (shown(&native_binary()), shown(&self.stack.filter_yaml()));
            println!("\nChange the policy: edit {policy}, then");
            println!("  {sekisho} publish {policy} {filter}");
        } else {
            println!("\nChange the policy: edit {policy}. What you save is checked and published within a second.");
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

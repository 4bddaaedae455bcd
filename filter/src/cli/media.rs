//! `sekisho media`

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sekisho::media::server;
use sekisho::media::service::Service;
use sekisho::media_settings::Settings;
use sekisho::page::learn::Learn;
use sekisho::pin::learn::{self, Learner};
use sekisho::pin::{Options, PublicHost};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use url::Url;

use super::{Failure, print, read_policy};

/// Files that may be open at once, if the system lets it: a request takes two connections, a worker two pipes.
const MAX_FILES: u64 = 65_536;

/// Serves until SIGTERM or SIGINT.
pub(super) fn run(mut args: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    let mut config = None;
    let mut listen = None;
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| Failure::Usage(format!("{} needs a value", arg.display())));
        match arg.to_str() {
            Some("--config") => config = Some(PathBuf::from(value()?)),
            Some("--listen") => {
                let text = value()?.to_string_lossy().into_owned();
                let addr =
                    text.parse().map_err(|_| Failure::Usage(format!("--listen: {text} is no address and port")))?;
                listen = Some(addr);
            }
            _ => return Err(Failure::Usage(format!("unexpected argument {}", arg.display()))),
        }
    }
    let config = config.ok_or_else(|| Failure::Usage("media needs --config POLICY".to_owned()))?;
    let policy = read_policy(&config, &[])?;
    let mut settings = policy.media.clone();
    let learner = policy.page.settings.learn.as_ref().map(|learn| learner(learn, &settings)).transpose()?;
    settings.listen = listen.unwrap_or(settings.listen);
    let failed = |error| Failure::Io(PathBuf::from("media"), error);
    raise_files().map_err(failed)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        let listener = TcpListener::bind(settings.listen).await.map_err(|error| {
            let address = settings.listen;
            Failure::Io(PathBuf::from(address.to_string()), error)
        })?;
        let address = listener.local_addr().map_err(failed)?;
        let service = Service::start(settings, seed().map_err(failed)?).await;
        let mut service = service.map_err(|error| failed(io::Error::other(error.to_string())))?;
        if let Some(learner) = learner {
            service = service.with_pages(Arc::clone(&learner));
            tokio::spawn(async move { learner.keep(|line| eprintln!("sekisho media: {line}")).await });
        }
        let service = Arc::new(service);
        eprintln!("sekisho media: workers confined: {}", service.confinement());
        print(&format!("sekisho media: listening on http://{address}/\n"))?;
        server::serve(listener, service, end()).await;
        Ok(())
    })
}

/// What learns the manifest: from the one server that is named, whatever its address, as `sekisho pin` does.
fn learner(learn: &Learn, media: &Settings) -> Result<Arc<Learner>, Failure> {
    let wrong = |_| Failure::Usage(format!("page.learn_origin: {} is no URL", learn.origin));
    let host = learn
        .host
        .as_ref()
        .map(|host| PublicHost::new(host).ok_or_else(|| Failure::Usage(format!("page.learn_host: {host} is no host"))));
    let options = Options {
        host: host.transpose()?,
        pages: learn.pages.clone(),
        languages: learn.languages.clone(),
        extra_roots: media.ca_file.as_ref().map(PathBuf::from),
        name_servers: media.name_servers.clone(),
        ..Options::new(Url::parse(&learn.origin).map_err(wrong)?)
    };
    Ok(Arc::new(Learner::new(learn::Settings { options, period: learn.period })))
}

/// The default of 1,024 is for programs that use `select`; the hard limit is the administrator's word.
fn raise_files() -> io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(MAX_FILES, |maximum| maximum.min(MAX_FILES));
    if current.is_some_and(|current| current < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })?;
    }
    Ok(())
}

/// When somebody asks for the end.
async fn end() {
    let (Ok(mut term), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = interrupt.recv() => {}
    }
}

fn seed() -> io::Result<[u8; 16]> {
    let mut seed = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut seed)?;
    Ok(seed)
}

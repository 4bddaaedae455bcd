//! What the tests of the way out stand against: a name server and origin servers, all on loopback, all misbehaving on demand.

mod answers;
pub mod dns;
pub mod origin;
pub mod table;

use dns::Dns;
use sekisho::media::net::address::Allowed;
use sekisho::media::net::{FetchError, FetchRequest, FetchSettings, Fetched, Fetcher, Identity};
use url::Url;

/// A fetcher that asks this name server, may use these ports, and connect to 127.0.0.1 alone.
pub fn settings(dns: &Dns, ports: &[u16]) -> FetchSettings {
    let mut settings = FetchSettings::new(Identity::new("sekisho-test", Some("https://social.example")).unwrap());
    settings.rules.allow_http = true;
    settings.rules.allowed_ports = ports.to_vec();
    settings.rules.networks = Allowed::new(vec!["127.0.0.1/32".parse().unwrap()], Vec::new());
    settings.resolver.name_servers = vec![dns.server];
    settings
}

pub fn fetcher(dns: &Dns, ports: &[u16]) -> Fetcher {
    Fetcher::new(settings(dns, ports)).unwrap()
}

pub async fn get(fetcher: &Fetcher, url: &str) -> Result<Fetched, FetchError> {
    fetcher.get(&Url::parse(url).unwrap(), FetchRequest::default()).await
}

pub async fn read(mut fetched: Fetched) -> Result<Vec<u8>, FetchError> {
    let mut all = Vec::new();
    while let Some(piece) = fetched.body.next().await {
        all.extend(piece?);
    }
    Ok(all)
}

pub async fn get_all(fetcher: &Fetcher, url: &str) -> Result<Vec<u8>, FetchError> {
    read(get(fetcher, url).await?).await
}

pub fn name(result: Result<impl Sized, FetchError>) -> &'static str {
    result.map_or_else(FetchError::name, |_| "fetched")
}

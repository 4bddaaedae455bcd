//! Who a request is counted for.

use std::net::{IpAddr, SocketAddr};

/// An IPv4 address, or the /64 of an IPv6 address: the smallest network that anybody is given (RFC 6177).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client(IpAddr);

impl Client {
    /// The client at an address. An IPv4 address inside an IPv6 one (RFC 4291 section 2.5.5.2) is itself.
    pub fn new(address: IpAddr) -> Self {
        const NETWORK: u128 = !(u64::MAX as u128);
        match address.to_canonical() {
            IpAddr::V6(address) => Self(IpAddr::V6((u128::from(address) & NETWORK).into())),
            address => Self(address),
        }
    }

    /// The client of a request that came from `peer` through so many trusted proxies, each of which appended the address that it saw to
    /// `X-Forwarded-For`. Where the field is shorter, or no address, it is none of theirs: the peer itself is counted.
    pub fn of<'f>(peer: IpAddr, forwarded: impl IntoIterator<Item = &'f [u8]>, trusted_hops: usize) -> Self {
        let fields: Vec<&[u8]> = forwarded.into_iter().collect();
        let from_the_end = fields.iter().rev().flat_map(|field| field.rsplit(|byte| *byte == b','));
        let outermost = trusted_hops.checked_sub(1).and_then(|skipped| from_the_end.into_iter().nth(skipped));
        Self::new(outermost.and_then(address).unwrap_or(peer))
    }

    pub(super) fn number(self) -> u128 {
        match self.0 {
            // The network 0:0:0:1::/64 is nobody's.
            IpAddr::V4(address) => 1 << 64 | u128::from(u32::from(address)),
            IpAddr::V6(address) => address.into(),
        }
    }
}

/// An address, as some proxies write it with its port.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        let client = |text: &str| Client::new(text.parse().unwrap());
        assert_eq!(client("2001:db8:0:1::1"), client("2001:db8:0:1:ffff::2"));
        assert_ne!(client("2001:db8:0:1::1"), client("2001:db8:0:2::1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("192.0.2.1").number(), client("::1").number());
    }

    #[test]
    fn behind_proxies() {
        let peer = "127.0.0.1";
        for (fields, hops, expected) in [
            (vec!["192.0.2.1"], 0, peer),
            (vec!["192.0.2.1"], 1, "192.0.2.1"),
            (vec!["6.6.6.6, 192.0.2.1"], 1, "192.0.2.1"),
            (vec!["6.6.6.6,192.0.2.1 ,198.51.100.1"], 2, "192.0.2.1"),
            (vec!["6.6.6.6, 192.0.2.1", "198.51.100.1"], 2, "192.0.2.1"),
            (vec!["192.0.2.1:80"], 1, "192.0.2.1"),
            (vec!["[2001:db8::1]:80"], 1, "2001:db8::1"),
            (vec!["[2001:db8::1]"], 1, "2001:db8::1"),
            (vec!["2001:db8::1"], 1, "2001:db8::1"),
            (vec![], 1, peer),
            (vec!["192.0.2.1"], 2, peer),
            (vec!["unknown"], 1, peer),
            (vec!["192.0.2.1,"], 1, peer),
        ] {
            let found = Client::of(peer.parse().unwrap(), fields.iter().map(|field| field.as_bytes()), hops);
            assert_eq!(found, Client::new(expected.parse().unwrap()), "{fields:?}, {hops}");
        }
        assert_eq!(Client::of(peer.parse().unwrap(), [&b"\xff"[..]], 1), Client::new(peer.parse().unwrap()));
    }
}

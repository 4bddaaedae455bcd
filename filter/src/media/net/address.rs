//! Which addresses the service may connect to.
//!
//! [`is_public`] is the rule for everybody: an address passes only if it is ordinary unicast of the public Internet. What the IANA special-purpose
//! registries list is refused whole, even the few entries that are "globally reachable" (AS112, AMT, ORCHID): no picture lives there.
//! For IPv6 it is the other way round: nothing passes but 2000::/3, less its special parts, and NAT64 (RFC 6052) of a public IPv4 address, which is how
//! a host in an IPv6-only network sees all others.
//!
//! [`Allowed`] is what one operator makes of it: networks that are added, and networks that are taken away.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// IPv4 that is not public. IANA "IPv4 Special-Purpose Address Registry", and multicast.
const SPECIAL_V4: [Ipv4Net; 19] = [
    v4([0, 0, 0, 0], 8),        // "this network": RFC 791, RFC 1122
    v4([10, 0, 0, 0], 8),       // private use: RFC 1918
    v4([100, 64, 0, 0], 10),    // shared address space of carriers: RFC 6598
    v4([127, 0, 0, 0], 8),      // loopback: RFC 1122
    v4([168, 63, 129, 16], 32), // no registry: Azure's wire server, which answers only inside, to root of the virtual machine and whoever speaks for it
    v4([169, 254, 0, 0], 16),   // link local, cloud metadata: RFC 3927
    v4([172, 16, 0, 0], 12),    // private use: RFC 1918
    v4([192, 0, 0, 0], 24), // IETF protocol assignments: RFC 6890 (DS-Lite RFC 7335, RFC 7600, PCP RFC 7723, TURN RFC 8155, NAT64 RFC 8880)
    v4([192, 0, 2, 0], 24), // documentation: RFC 5737
    v4([192, 31, 196, 0], 24), // AS112: RFC 7535
    v4([192, 52, 193, 0], 24), // AMT: RFC 7450
    v4([192, 88, 99, 0], 24), // 6to4 relay: RFC 7526
    v4([192, 168, 0, 0], 16), // private use: RFC 1918
    v4([192, 175, 48, 0], 24), // AS112: RFC 7534
    v4([198, 18, 0, 0], 15), // benchmarking: RFC 2544
    v4([198, 51, 100, 0], 24), // documentation: RFC 5737
    v4([203, 0, 113, 0], 24), // documentation: RFC 5737
    v4([224, 0, 0, 0], 4),  // multicast: RFC 5771
    v4([240, 0, 0, 0], 4),  // reserved: RFC 1112; limited broadcast: RFC 8190
];

/// IPv6 that is not public. IANA "IPv6 Special-Purpose Address Registry", and what is older or multicast. [`UNICAST_V6`] would refuse most of it as well.
const SPECIAL_V6: [Ipv6Net; 19] = [
    v6([0, 0, 0, 0, 0, 0, 0, 0], 96), // unspecified, loopback: RFC 4291; IPv4-compatible: RFC 4291 section 2.5.5.1
    v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96), // IPv4-mapped: RFC 4291 section 2.5.5.2
    v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96), // IPv4-translated: RFC 2765
    v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), // NAT64 of local use: RFC 8215
    v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), // discard: RFC 6666
    v6([0x100, 0, 0, 1, 0, 0, 0, 0], 64), // dummy prefix: RFC 9780
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), // Teredo: RFC 4380
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), // IETF protocol assignments: RFC 2928 (benchmarking RFC 5180, AMT RFC 7450, ORCHID RFC 4843, RFC 7343, DRIP RFC 9374)
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation: RFC 3849
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), // 6to4: RFC 3056, RFC 7526
    v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48), // AS112: RFC 7534
    v6([0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16), // 6bone, given back: RFC 3701
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), // documentation: RFC 9637
    v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), // SRv6 segments: RFC 9602
    v6([0x200, 0, 0, 0, 0, 0, 0, 0], 7),   // OSI NSAP, given back: RFC 4048
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),  // unique local: RFC 4193
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), // link local: RFC 4291
    v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), // site local: RFC 3879
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),  // multicast: RFC 4291
];

/// All IPv6 unicast that IANA gives out: RFC 4291 section 2.4, "IPv6 Global Unicast Address Assignments".
const UNICAST_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
/// NAT64, the well-known prefix: RFC 6052 section 2.1.
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);
/// NAT64 of local use: RFC 8215.
const LOCAL_NAT64: Ipv6Net = v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48);
/// 6to4: RFC 3056.
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16);
/// Teredo: RFC 4380.
const TEREDO: Ipv6Net = v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32);
/// The forms that end in an IPv4 address: IPv4-compatible, -mapped and -translated.
const ENDS_IN_V4: [Ipv6Net; 5] = [
    v6([0, 0, 0, 0, 0, 0, 0, 0], 96),
    v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96),
    v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96),
    NAT64,
    LOCAL_NAT64,
];

const fn v4(octets: [u8; 4], prefix: u8) -> Ipv4Net {
    let [a, b, c, d] = octets;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(segments: [u16; 8], prefix: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

/// Whether an address is ordinary unicast of the public Internet: nothing that a registry reserves, and no IPv6 form that leads to an IPv4 address
/// which is not.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !SPECIAL_V4.iter().any(|network| network.contains(&address))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let ordinary = UNICAST_V6.contains(&address) || NAT64.contains(&address);
    ordinary && !SPECIAL_V6.iter().any(|network| network.contains(&address)) && carried(address).all(is_public_v4)
}

/// The IPv4 addresses that an IPv6 address leads to by its form: none, one, or both of Teredo's.
fn carried(address: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let [_, s1, s2, s3, s4, s5, s6, s7] = address.segments();
    let last = join(s6, s7);
    let found = if ENDS_IN_V4.iter().any(|network| network.contains(&address)) {
        [Some(last), None]
    } else if SIX_TO_FOUR.contains(&address) {
        [Some(join(s1, s2)), None]
    } else if TEREDO.contains(&address) {
        // RFC 4380 section 4: the server, and the client with all bits flipped.
        [Some(join(s2, s3)), Some(join(!s6, !s7))]
    } else if matches!((s4, s5), (0 | 0x200, 0x5efe)) {
        // ISATAP, under any prefix: RFC 5214 section 6.1. The bit 0x200 says that the IPv4 address is meant to be globally unique.
        [Some(last), None]
    } else {
        [None, None]
    };
    found.into_iter().flatten()
}

fn join(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

/// The addresses that one operator lets the service connect to: the public ones, `allowed` networks beside them, less the `denied` ones.
///
/// An address is allowed if all of these hold:
/// 1. no denied network has it, nor an IPv4 address that it carries;
/// 2. it is public, or in an allowed network;
/// 3. an IPv4 address that it carries is allowed too.
///
/// So `127.0.0.0/8` allows 127.0.0.1, but not `::ffff:127.0.0.1`: one address has one spelling.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    allowed: Vec<IpNet>,
    denied: Vec<IpNet>,
}

impl Allowed {
    /// The rule of `media.allowed_networks` and `media.denied_networks`. The lists are walked for each address: they are meant to be short.
    pub fn new(allowed: Vec<IpNet>, denied: Vec<IpNet>) -> Self {
        Self { allowed, denied }
    }

    /// Whether the service may connect to this address.
    pub fn allows(&self, address: IpAddr) -> bool {
        let inner_allowed = match address {
            IpAddr::V4(_) => true,
            IpAddr::V6(address) => carried(address).all(|inner| self.allows_alone(IpAddr::V4(inner))),
        };
        inner_allowed && self.allows_alone(address)
    }

    /// Whether anything that is not public is allowed.
    pub fn allows_private(&self) -> bool {
        !self.allowed.is_empty()
    }

    fn allows_alone(&self, address: IpAddr) -> bool {
        let within = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&address));
        !within(&self.denied) && (is_public(address) || within(&self.allowed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn public_addresses_pass() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2606:4700:4700::1111",
            "2a00:1450:4001:81b::200e",
            "64:ff9b::8.8.8.8",
            "2a01:4f8::200:5efe:808:808",
            "2003::",
            "3fff:1000::1",
        ] {
            assert!(is_public(ip(text)), "{text}");
        }
    }

    #[test]
    fn special_addresses_are_refused() {
        for text in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "168.63.129.16",
            "169.254.0.0",
            "169.254.169.254",
            "169.254.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.0",
            "192.0.0.8",
            "192.0.0.170",
            "192.0.0.192",
            "192.0.2.1",
            "192.31.196.1",
            "192.52.193.1",
            "192.88.99.1",
            "192.168.0.0",
            "192.168.255.255",
            "192.175.48.1",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.0",
            "255.255.255.255",
            "::",
            "::1",
            "::2",
            "::127.0.0.1",
            "::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:0:127.0.0.1",
            "::ffff:0:8.8.8.8",
            "64:ff9b::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b::",
            "64:ff9b:0:0:0:1::",
            "64:ff9b:1::8.8.8.8",
            "64:ff9b:1:ffff::10.0.0.1",
            "100::1",
            "100:0:0:1::1",
            "200::1",
            "2001::1",
            "2001:0:808:808:0:0:f7f7:f7f7",
            "2001:1::1",
            "2001:2::1",
            "2001:3::1",
            "2001:4:112::1",
            "2001:10::1",
            "2001:1f:ffff::1",
            "2001:20::1",
            "2001:30::1",
            "2001:1ff:ffff::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::1",
            "2620:4f:8000::1",
            "3ffe::1",
            "3fff::1",
            "3fff:fff:ffff::1",
            "4000::1",
            "5f00::1",
            "8000::1",
            "fc00::1",
            "fd00:ec2::254",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "feff::1",
            "ff02::1",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "2a01:4f8::5efe:10.0.0.1",
            "2a01:4f8::200:5efe:127.0.0.1",
        ] {
            assert!(!is_public(ip(text)), "{text}");
        }
    }

    #[test]
    fn each_range_is_refused_at_both_ends() {
        for network in SPECIAL_V4 {
            assert!(!is_public(network.network().into()) && !is_public(network.broadcast().into()), "{network}");
        }
        for network in SPECIAL_V6 {
            assert!(!is_public(network.network().into()) && !is_public(network.broadcast().into()), "{network}");
        }
    }

    #[test]
    fn no_form_of_ipv6_makes_an_address_public() {
        for inner in SPECIAL_V4.iter().flat_map(|network| [network.network(), network.broadcast()]) {
            let [a, b, c, d] = inner.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            for form in [
                [0, 0, 0, 0, 0, 0, high, low],
                [0, 0, 0, 0, 0, 0xffff, high, low],
                [0, 0, 0, 0, 0xffff, 0, high, low],
                [0x64, 0xff9b, 0, 0, 0, 0, high, low],
                [0x64, 0xff9b, 1, 0, 0, 0, high, low],
                [0x2002, high, low, 0, 0, 0, 0, 1],
                [0x2001, 0, high, low, 0, 0, 0xf7f7, 0xf7f7],
                [0x2001, 0, 0x808, 0x808, 0, 0, !high, !low],
                [0x2a01, 0x4f8, 0, 0, 0, 0x5efe, high, low],
                [0x2a01, 0x4f8, 0, 0, 0x200, 0x5efe, high, low],
            ] {
                let address = Ipv6Addr::from(form);
                assert!(!is_public(address.into()) && !Allowed::default().allows(address.into()), "{address}");
            }
        }
    }

    #[test]
    fn carried_addresses() {
        let carried = |text: &str| match ip(text) {
            IpAddr::V6(address) => carried(address).map(|inner| inner.to_string()).collect::<Vec<_>>(),
            IpAddr::V4(_) => Vec::new(),
        };
        assert_eq!(carried("::ffff:1.2.3.4"), ["1.2.3.4"]);
        assert_eq!(carried("64:ff9b::1.2.3.4"), ["1.2.3.4"]);
        assert_eq!(carried("64:ff9b:1:fffe::1.2.3.4"), ["1.2.3.4"]);
        assert_eq!(carried("2002:102:304::1"), ["1.2.3.4"]);
        // The example of RFC 4380 section 4: server 65.54.227.120, client 192.0.2.45.
        assert_eq!(carried("2001:0:4136:e378:8000:63bf:3fff:fdd2"), ["65.54.227.120", "192.0.2.45"]);
        assert_eq!(carried("fe80::5efe:1.2.3.4"), ["1.2.3.4"]);
        assert!(carried("2a01:4f8::1").is_empty());
    }

    #[test]
    fn networks_extend_and_shrink() {
        let net = |text: &str| text.parse::<IpNet>().unwrap();
        let allowed = Allowed::new(
            vec![net("10.0.0.0/8"), net("fd00::/8"), net("64:ff9b:1::/48"), net("2002::/16")],
            vec![net("10.9.0.0/16"), net("8.8.0.0/16")],
        );
        for (text, expected) in [
            ("1.1.1.1", true),
            ("10.1.0.1", true),
            ("10.9.0.1", false),
            ("8.8.8.8", false),
            ("64:ff9b::8.8.8.8", false),
            ("64:ff9b::1.1.1.1", true),
            ("64:ff9b::10.1.0.1", false), // public by prefix only with a public inner address
            ("64:ff9b:1::10.1.0.1", true),
            ("64:ff9b:1::10.9.0.1", false),
            ("64:ff9b:1::192.168.0.1", false),
            ("2002:a01:1::", true),
            ("2002:a09:1::", false),
            ("::ffff:10.1.0.1", false),
            ("fd00::1", true),
            ("fd00::5efe:127.0.0.1", false),
            ("fe80::1", false),
            ("127.0.0.1", false),
        ] {
            assert_eq!(allowed.allows(ip(text)), expected, "{text}");
        }
        assert!(allowed.allows_private() && !Allowed::default().allows_private());
        assert!(!Allowed::default().allows(ip("10.1.0.1")) && Allowed::default().allows(ip("8.8.8.8")));
    }
}

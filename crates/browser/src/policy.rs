//! Which addresses and names a session may reach: pure rules, judged on the *resolved* address.

use crate::EgressPolicy;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What an address is, when it is not an ordinary public one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddressClass {
    /// An ordinary address of the internet.
    Public,
    /// This machine.
    Loopback,
    /// RFC 1918, IPv6 ULA and site-local.
    Private,
    /// Link-local, where cloud metadata lives too.
    LinkLocal,
    /// Carrier-grade NAT, where some clouds keep their metadata.
    SharedNat,
    /// Multicast and broadcast.
    Multicast,
    /// Unspecified, documentation, benchmarking, reserved.
    Reserved,
}

/// What a name may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NameRule {
    /// Closed by name.
    Denied,
    /// Closed, as only listed hosts are open.
    Unlisted,
    /// Open, and this address stands for it.
    Mapped(SocketAddr),
    /// Open, also when its address is private.
    Open,
    /// Open when its address is public.
    IfPublic,
}

/// The class of an address; IPv4 inside IPv6 (mapped, compatible, NAT64, 6to4, ISATAP) counts as the IPv4 it reaches.
pub(crate) fn class_of(address: IpAddr) -> AddressClass {
    match address {
        IpAddr::V4(v4) => class_of_v4(v4),
        IpAddr::V6(v6) => class_of_v6(v6),
    }
}

fn class_of_v4(v4: Ipv4Addr) -> AddressClass {
    let [a, b, c, _] = v4.octets();
    match (a, b, c) {
        (127, ..) => AddressClass::Loopback,
        (10, ..) | (192, 168, _) => AddressClass::Private,
        (172, 16..=31, _) => AddressClass::Private,
        (169, 254, _) => AddressClass::LinkLocal,
        // Alibaba's metadata
        (100, 100, 100) if v4.octets()[3] == 200 => AddressClass::LinkLocal,
        (100, 64..=127, _) => AddressClass::SharedNat,
        (224..=239, ..) | (255, 255, 255) => AddressClass::Multicast,
        (0, ..) | (240..=255, ..) => AddressClass::Reserved,
        // IETF protocol assignments, documentation, 6to4 relay, benchmarking
        (192, 0, 0 | 2) | (192, 88, 99) | (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113) => AddressClass::Reserved,
        // Azure's metadata lives at a public-looking place
        (168, 63, 129) => AddressClass::LinkLocal,
        _ => AddressClass::Public,
    }
}

fn class_of_v6(v6: Ipv6Addr) -> AddressClass {
    if v6.is_loopback() {
        return AddressClass::Loopback;
    }
    if v6.is_unspecified() {
        return AddressClass::Reserved;
    }
    if let Some(inner) = embedded_v4(v6) {
        return class_of_v4(inner);
    }
    match v6.segments()[0] {
        // Amazon's metadata and name service
        0xfd00 if v6.segments()[1] == 0xec2 => AddressClass::LinkLocal,
        0xfc00..=0xfdff | 0xfec0..=0xfeff => AddressClass::Private,
        0xfe80..=0xfebf => AddressClass::LinkLocal,
        0xff00..=0xffff => AddressClass::Multicast,
        // documentation, and protocol assignments with Teredo among them
        0x2001 if v6.segments()[1] == 0xdb8 || v6.segments()[1] < 0x200 => AddressClass::Reserved,
        0x3fff if v6.segments()[1] < 0x1000 => AddressClass::Reserved,
        // only 2000::/3 is global unicast
        0x2000..=0x3fff => AddressClass::Public,
        _ => AddressClass::Reserved,
    }
}

/// The IPv4 address that an IPv6 address stands for.
fn embedded_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = v6.segments();
    let of = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match s {
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => Some(of(high, low)),
        // the well-known NAT64 prefix; where the local one (64:ff9b:1::/48) leads, nobody can tell: it stays reserved
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(of(high, low)),
        [0x2002, high, low, ..] => Some(of(high, low)),
        [.., 0 | 0x200, 0x5efe, high, low] => Some(of(high, low)),
        _ => None,
    }
}

/// Whether a name that was opened may lead to an address of this class. Whoever answers for the name chooses the address, so a name does
/// not open what only a slip or an attack leads to; the literal address in `allow_hosts` does.
pub(crate) fn opens(class: AddressClass) -> bool {
    !matches!(class, AddressClass::LinkLocal | AddressClass::Multicast | AddressClass::Reserved)
}

/// What the policy says of a name, before it is resolved.
pub(crate) fn rule_for(policy: &EgressPolicy, host: &str) -> NameRule {
    let host = normal_host(host);
    let listed = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, &host));
    if listed(&policy.deny_hosts) {
        return NameRule::Denied;
    }
    if let Some(address) = policy.resolve.iter().find(|(name, _)| normal_host(name) == host).map(|(_, address)| *address) {
        return NameRule::Mapped(address);
    }
    if listed(&policy.allow_hosts) {
        return NameRule::Open;
    }
    if !policy.only_hosts.is_empty() && !listed(&policy.only_hosts) {
        return NameRule::Unlisted;
    }
    NameRule::IfPublic
}

/// Whether the policy opens this port.
pub(crate) fn port_is_open(policy: &EgressPolicy, port: u16) -> bool {
    !policy.deny_ports.contains(&port) && (policy.only_ports.is_empty() || policy.only_ports.contains(&port))
}

/// Whether the policy closes this very address, whatever name leads to it.
pub(crate) fn address_is_denied(policy: &EgressPolicy, address: IpAddr) -> bool {
    policy.deny_hosts.iter().any(|pattern| literal(pattern).is_some_and(|denied| denied.to_canonical() == address.to_canonical()))
}

/// A literal address in its one spelling; a name in lower case, without the root's dot.
pub(crate) fn normal_host(host: &str) -> String {
    match literal(host) {
        Some(address) => address.to_canonical().to_string(),
        None => host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase(),
    }
}

/// `.example.test` is the host and all below it; anything else is itself.
fn matches(pattern: &str, host: &str) -> bool {
    let pattern = pattern.trim().to_ascii_lowercase();
    match pattern.strip_prefix('.') {
        Some(base) => host == base || host.strip_suffix(base).is_some_and(|front| front.ends_with('.')),
        None => normal_host(&pattern) == host,
    }
}

/// The address that a literal host spells: dotted, decimal, hexadecimal, octal, short or bracketed forms, as browsers and resolvers read
/// them; `None` for a name.
pub(crate) fn literal(host: &str) -> Option<IpAddr> {
    if let Ok(v6) = host.parse::<Ipv6Addr>() {
        return Some(v6.into());
    }
    match url::Host::parse(host).ok()? {
        url::Host::Ipv4(v4) => Some(v4.into()),
        url::Host::Ipv6(v6) => Some(v6.into()),
        url::Host::Domain(name) => name.trim_end_matches('.').parse().ok(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn class(text: &str) -> AddressClass {
        class_of(literal(text).unwrap())
    }

    #[test]
    fn every_spelling_of_a_private_address_is_seen_through() {
        for loopback in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "127.255.255.254",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
        ] {
            assert_eq!(class(loopback), AddressClass::Loopback, "{loopback}");
        }
        for (text, expected) in [
            ("10.1.2.3", AddressClass::Private),
            ("172.16.0.1", AddressClass::Private),
            ("172.32.0.1", AddressClass::Public),
            ("192.168.1.1", AddressClass::Private),
            ("3232235777", AddressClass::Private),
            ("169.254.169.254", AddressClass::LinkLocal),
            ("0xa9fea9fe", AddressClass::LinkLocal),
            ("168.63.129.16", AddressClass::LinkLocal),
            ("100.64.0.1", AddressClass::SharedNat),
            ("100.100.100.200", AddressClass::LinkLocal),
            ("0.0.0.0", AddressClass::Reserved),
            ("0", AddressClass::Reserved),
            ("224.0.0.1", AddressClass::Multicast),
            ("255.255.255.255", AddressClass::Multicast),
            ("[::]", AddressClass::Reserved),
            ("[fd00::1]", AddressClass::Private),
            ("[fe80::1]", AddressClass::LinkLocal),
            ("[fec0::1]", AddressClass::Private),
            ("[ff02::1]", AddressClass::Multicast),
            ("[::ffff:10.0.0.1]", AddressClass::Private),
            ("[fd00:ec2::254]", AddressClass::LinkLocal),
            ("1.1.1.1", AddressClass::Public),
            ("[2606:4700::1111]", AddressClass::Public),
        ] {
            assert_eq!(class(text), expected, "{text}");
        }
        assert_eq!(literal("example.org"), None);
    }

    #[test]
    fn names_are_opened_and_closed_by_name() {
        let policy = EgressPolicy {
            allow_hosts: vec!["intra.test".into(), ".corp.test".into()],
            deny_hosts: vec![".ads.corp.test".into()],
            resolve: [("Shop.localhost".to_owned(), "127.0.0.1:8080".parse().unwrap())].into(),
            ..EgressPolicy::default()
        };

        assert_eq!(rule_for(&policy, "shop.localhost."), NameRule::Mapped("127.0.0.1:8080".parse().unwrap()));
        assert_eq!(rule_for(&policy, "INTRA.test"), NameRule::Open);
        assert_eq!(rule_for(&policy, "sub.intra.test"), NameRule::IfPublic);
        assert_eq!(rule_for(&policy, "a.b.corp.test"), NameRule::Open);
        assert_eq!(rule_for(&policy, "corp.test"), NameRule::Open);
        assert_eq!(rule_for(&policy, "evilcorp.test"), NameRule::IfPublic);
        assert_eq!(rule_for(&policy, "x.ads.corp.test"), NameRule::Denied);
        assert_eq!(rule_for(&policy, "example.org"), NameRule::IfPublic);
    }

    proptest! {
        #[test]
        fn an_ipv4_address_has_one_class_however_it_is_written(bits: u32) {
            let v4 = Ipv4Addr::from(bits);
            let expected = class_of(v4.into());

            for text in [format!("{bits}"), format!("{bits:#x}"), format!("[{}]", v4.to_ipv6_mapped())] {
                prop_assert_eq!(class_of(literal(&text).unwrap()), expected, "{}", text);
            }
            prop_assert!(!(v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast() || v4.is_unspecified()) || expected != AddressClass::Public);
        }

        #[test]
        fn nothing_outside_global_unicast_is_public(bits: u128) {
            let v6 = Ipv6Addr::from(bits);
            prop_assume!(embedded_v4(v6).is_none());
            if class_of(v6.into()) == AddressClass::Public {
                prop_assert_eq!(bits >> 125, 1);
            }
        }
    }
}

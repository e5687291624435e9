//! Names that a Gateway's objects may bear.

/// Longest name of a Service, and of the value of a label.
const MAX: usize = 63;

/// The name of everything that is deployed for a Gateway: its own where a Service may have it,
/// else one made from it. Different Gateways of a namespace have different names.
pub(super) fn resource_name(gateway: &str) -> String {
    if is_service_name(gateway) {
        return gateway.to_owned();
    }
    let suffix = format!("-{:016x}", fnv1a(gateway.as_bytes()));
    let starts = gateway.starts_with(|c: char| c.is_ascii_lowercase());
    let start = if starts { "" } else { "gw-" };
    let mut name: String = start.chars().chain(gateway.chars()).collect();
    name = name.replace('.', "-");
    name.truncate(MAX - suffix.len());
    name.truncate(name.trim_end_matches('-').len());
    name + &suffix
}

/// The value of a label that names an object: its name, unless that is too long.
pub(super) fn label_value(name: &str) -> String {
    if name.len() <= MAX {
        name.to_owned()
    } else {
        resource_name(name)
    }
}

/// RFC 1035 label, which a Service's name must be.
fn is_service_name(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    name.len() <= MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.bytes().all(inner)
}

/// FNV-1a: the same for ever, unlike the hashes of the standard library.
fn fnv1a(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_fit_for_a_service_and_differ() {
        let long = "a".repeat(63);
        for kept in ["gw", "a", "my-gateway-2", long.as_str()] {
            assert_eq!(resource_name(kept), kept);
        }
        let longer = ["a".repeat(64), "a".repeat(253), "a-".repeat(60) + "b"];
        let odd = ["1gw", "gw.example", "gw-example.", "a.b", "a-b.", "9"].map(str::to_owned);
        let made: BTreeSet<_> = longer
            .iter()
            .chain(&odd)
            .map(|n| resource_name(n))
            .collect();
        assert_eq!(made.len(), longer.len() + odd.len());
        for name in made {
            assert!(is_service_name(&name), "{name}");
        }
    }

    /// Names of deployed objects must never change with a release.
    #[test]
    fn names_stay_what_they_are() {
        assert_eq!(resource_name("gw.example"), "gw-example-043a937cae28187f");
    }
}

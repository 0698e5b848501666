//! A name for each request, the client's or our own, by which log, feedback and answer find each other.

use std::sync::atomic::{AtomicU64, Ordering};

use hyper::HeaderMap;
use sha2::{Digest, Sha256};

const MAX_BYTES: usize = 128;

/// Gives names that no other start of the server gives.
#[derive(Debug)]
pub(crate) struct RequestIds {
    start: u64,
    next: AtomicU64,
}

impl RequestIds {
    pub fn new() -> Self {
        // The standard library's own random keys are the source; time and process tell starts apart where there are none.
        let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), std::process::id());
        let seed = Sha256::digest(format!("{random} {}", crate::clock::now()));
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&seed[..8]);
        Self { start: u64::from_le_bytes(bytes), next: AtomicU64::new(0) }
    }

    /// The name of a request with these headers.
    pub fn of(&self, headers: &HeaderMap) -> String {
        let given = headers.get("x-request-id").and_then(|value| value.to_str().ok());
        match given.filter(|id| !id.is_empty() && id.len() <= MAX_BYTES && id.bytes().all(|b| b.is_ascii_graphic())) {
            Some(id) => id.to_owned(),
            None => {
                let n = self.next.fetch_add(1, Ordering::Relaxed);
                let mixed = mix(self.start ^ n);
                format!("{:08x}{mixed:016x}", n as u32)
            }
        }
    }
}

/// A number from 0 to 1 that belongs to a name: the same name always gets the same one.
pub(crate) fn chance_of(id: &str) -> f64 {
    // FNV-1a, mixed: names that differ in their last digit must lie far apart.
    let hash =
        id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    (mix(hash) >> 11) as f64 / (1u64 << 53) as f64
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
pub(crate) fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_name_is_kept_and_a_bad_one_replaced() {
        let ids = RequestIds::new();
        let of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-request-id", value.parse().unwrap());
            ids.of(&headers)
        };
        assert_eq!(of("order-17"), "order-17");
        for bad in ["", "a b", &"x".repeat(129)] {
            assert_ne!(of(bad), bad);
        }
        let own: std::collections::BTreeSet<String> = (0..1000).map(|_| ids.of(&HeaderMap::new())).collect();
        assert_eq!(own.len(), 1000);
    }

    #[test]
    fn chances_are_spread_evenly_and_stay_the_same() {
        let below = |share: f64| (0..10_000).filter(|i| chance_of(&format!("request-{i}")) < share).count();
        assert!((900..1100).contains(&below(0.1)) && (4800..5200).contains(&below(0.5)));
        assert_eq!(chance_of("a").to_bits(), chance_of("a").to_bits());
    }
}

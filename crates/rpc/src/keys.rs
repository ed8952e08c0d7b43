//! Who may ask: a key for each tenant, compared by hash and never shown.

use rand::Rng;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use wayfarer_core::TenantId;

/// Shorter keys can be guessed.
const SHORTEST_KEY: usize = 16;

/// Keys of tenants, by their hashes.
#[derive(Clone, Default)]
pub struct Keys(HashMap<[u8; 32], TenantId>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(self.0.values()).finish()
    }
}

impl Keys {
    /// Takes a tenant's key in; an error in words if it cannot be one.
    pub fn add(&mut self, tenant: TenantId, key: &str) -> Result<(), String> {
        if key.len() < SHORTEST_KEY {
            return Err(format!("the key of tenant {tenant} has {} characters; {SHORTEST_KEY} are the least", key.len()));
        }
        match self.0.insert(digest(key), tenant.clone()) {
            Some(other) if other != tenant => Err(format!("tenants {other} and {tenant} have the same key")),
            _ => Ok(()),
        }
    }

    /// Whether nobody may ask.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tenant that asks, by the value of its `authorization` header.
    pub fn tenant(&self, authorization: Option<&str>) -> Option<TenantId> {
        let (scheme, key) = authorization?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| self.0.get(&digest(key.trim())).cloned())?
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// 128 bits that nobody can guess.
pub fn fresh_secret() -> String {
    hex::encode(rand::rng().random::<[u8; 16]>())
}

/// Whether two secrets are the same; how long it takes tells nothing of where they differ.
pub fn same(one: &str, other: &str) -> bool {
    digest(one) == digest(other)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_tenant_and_is_never_shown() {
        let mut keys = Keys::default();
        let tenant = |name: &str| TenantId::new(name).unwrap();
        keys.add(tenant("one"), "a long secret of tenant one").unwrap();
        assert!(keys.add(tenant("two"), "a long secret of tenant one").unwrap_err().contains("same key"));
        assert!(keys.add(tenant("three"), "short").is_err());
        let asked = |value: &str| keys.tenant(Some(value));
        assert_eq!(asked("Bearer a long secret of tenant one"), keys.0.values().next().cloned());
        assert_eq!(asked("bearer wrong"), None);
        assert_eq!(asked("Basic a long secret of tenant one"), None);
        assert_eq!(keys.tenant(None), None);
        assert!(!format!("{keys:?}").contains("secret"));
    }
}

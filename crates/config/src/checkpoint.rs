//! Addresses of checkpoints on this machine.

use std::path::PathBuf;
use url::Url;

/// The folder behind an address that begins with `file:`, percent-decoded; `None` for every other address, and in words what is wrong with it.
pub fn checkpoint_folder(address: &str) -> Option<Result<PathBuf, String>> {
    let rest = address.strip_prefix("file:")?;
    let wrong =
        |why: &str| Some(Err(format!("{why}; write file:///folder/of/a/checkpoint, with %20 for a space, %23 for # and %3F for ?")));
    if !rest.starts_with('/') {
        return wrong("must name its folder from the root on");
    }
    let Ok(url) = Url::parse(address) else { return wrong("is no address") };
    if let Some(host) = url.host_str() {
        return wrong(&format!("names the host {host:?}, but a checkpoint lies on this machine (three slashes stand before its folder)"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("ends before a ? or a #");
    }
    match url.to_file_path() {
        Ok(folder) => Some(Ok(folder)),
        Err(()) => wrong("names no folder"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_folder_or_says_what_is_wrong_with_it() {
        let folder = |address: &str| checkpoint_folder(address).unwrap();
        for (address, path) in [
            ("file:///models/Fara-7B", "/models/Fara-7B"),
            ("file:///my%20models/a%23b", "/my models/a#b"),
            ("file:///my models/x", "/my models/x"),
            ("file://localhost/models/x", "/models/x"),
        ] {
            assert_eq!(folder(address).unwrap(), PathBuf::from(path), "{address}");
        }
        for (address, told) in [
            ("file://models/Fara-7B", "names the host \"models\""),
            ("file:models/x", "from the root on"),
            ("file:///a#b", "ends before"),
            ("file:///a?b", "ends before"),
        ] {
            assert!(folder(address).unwrap_err().contains(told), "{address}");
        }
        assert!(checkpoint_folder("http://h/v1").is_none());
    }
}

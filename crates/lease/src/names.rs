//! Every key, once. The part in braces keeps the keys of one thing on one node of a Redis cluster.

pub(crate) fn lease(resource: &str) -> String {
    format!("wf:lease:{{{resource}}}")
}

pub(crate) fn fence(resource: &str) -> String {
    format!("wf:fence:{{{resource}}}")
}

pub(crate) fn service(role: &str) -> String {
    format!("wf:svc:{role}")
}

pub(crate) fn budget(key: &str) -> String {
    format!("wf:budget:{key}")
}

pub(crate) fn seen(run: &str) -> String {
    format!("wf:seen:{run}")
}

pub(crate) fn tally(key: &str) -> String {
    format!("wf:tally:{key}")
}

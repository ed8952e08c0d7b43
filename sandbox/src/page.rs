//! Pages: templates in, HTML responses out.

use crate::error::SandboxError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use minijinja::value::Serde;
use minijinja::{Environment, Value};
use serde::Serialize;

/// The templates of one world.
pub(crate) struct Pages {
    environment: Environment<'static>,
}

impl Pages {
    /// Compiles the templates, so that a broken one is known at start.
    pub(crate) fn compile(world: &'static str, templates: &[(&'static str, &'static str)]) -> Result<Self, SandboxError> {
        let mut environment = Environment::new();
        for (name, source) in templates.iter().chain(SHARED) {
            environment.add_template(name, source).map_err(|source| SandboxError::Template { world, source })?;
        }
        Ok(Self { environment })
    }

    /// Renders a template of this world.
    pub(crate) fn html(&self, status: StatusCode, name: &str, values: Value) -> Result<Response, PageError> {
        let text = self.environment.get_template(name).and_then(|template| template.render(values))?;
        Ok((status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response())
    }
}

/// Templates that worlds share.
pub(crate) const SHARED: &[(&str, &str)] = &[("forms.html", include_str!("../templates/forms.html"))];

/// What a handler could not do; shown as a plain page and logged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PageError {
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("the page could not be rendered ({0:#})")]
    Render(#[from] minijinja::Error),
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        tracing::error!(error = %self, "a page of the sandbox failed");
        let page = "<!doctype html><html lang=\"en\"><title>Something went wrong</title><h1>Something went wrong</h1><p>Please try again in a moment.</p>";
        (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
    }
}

/// What handlers give back.
pub(crate) type PageResult = Result<Response, PageError>;

/// To another page after a form (303: the browser asks with GET).
pub(crate) fn see_other(path: &str) -> Response {
    match HeaderValue::from_str(path) {
        Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
        Err(_) => (StatusCode::SEE_OTHER, [(header::LOCATION, "/")]).into_response(),
    }
}

/// Data of a type of ours as a template sees it.
pub(crate) fn data<T: Serialize>(value: T) -> Value {
    Value::from(Serde(value))
}

/// `8900` cents as `$89.00`.
pub(crate) fn money(cents: i64) -> String {
    format!("${}.{:02}", cents / 100, cents % 100)
}

/// `47` tenths as `4.7`.
pub(crate) fn rating(tenths: i64) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

//! From request to response: route, SQL, template.

use crate::engine::attack;
use crate::engine::spec::{Action, Page, Queries};
use crate::engine::sql::{self, Params, text};
use crate::engine::world::World;
use crate::error::SandboxError;
use crate::instance::InstanceId;
use crate::page::PageError;
use crate::web::{self, Fields};
use crate::{dates, seeded};
use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use minijinja::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Longest body of a form that is read; an upload beyond it is refused.
const LONGEST_BODY: usize = 4 << 20;
/// Longest answer that a world may delay on purpose.
const LONGEST_DELAY: Duration = Duration::from_secs(5);
const HTML: &str = "text/html; charset=utf-8";

/// Who asks, for what, with what.
struct Visit {
    instance: InstanceId,
    path: String,
    raw_query: String,
    query: Fields,
    form: Fields,
    cookies: BTreeMap<String, String>,
    user: String,
    pieces: BTreeMap<String, String>,
}

/// Answers one request.
pub(crate) async fn answer(world: Arc<World>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    if let Some(name) = path.strip_prefix("/static/") {
        return static_file(&world, name);
    }
    let mut visit = Visit::of(&world, request.headers(), &request);
    let is_action = request.method() == Method::POST;
    if path == attack::BAIT && world.attacks.percent > 0 {
        return bait(&world, &visit, is_action).await.unwrap_or_else(|error| PageError::from(error).into_response());
    }
    let router = if is_action { &world.actions } else { &world.pages };
    let Ok(found) = router.at(&path) else {
        return missing(&world, &visit);
    };
    visit.pieces = found.params.iter().map(|(name, value)| (name.to_owned(), decoded(value))).collect();
    let index = *found.value;
    let answered = if is_action {
        match form_of(request).await {
            Ok(form) => visit.form = form,
            Err(refused) => return refused,
        }
        act(&world, visit, index).await
    } else {
        show(&world, visit, index).await
    };
    answered.unwrap_or_else(|error| PageError::from(error).into_response())
}

impl Visit {
    fn of(world: &World, headers: &HeaderMap, request: &Request) -> Self {
        let cookies: BTreeMap<String, String> = web::header_text(headers, header::COOKIE.as_str())
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .map(|(name, value)| (name.to_owned(), decoded(value)))
            .collect();
        let user = match cookies.get("user").map(String::as_str) {
            Some("-") => String::new(),
            Some(user) => user.to_owned(),
            None => world.site.signed_in.clone(),
        };
        let raw_query = request.uri().query().unwrap_or("").to_owned();
        Self {
            instance: web::instance_of(headers),
            path: request.uri().path().to_owned(),
            query: Fields::parse(&raw_query),
            raw_query,
            form: Fields::default(),
            cookies,
            user,
            pieces: BTreeMap::new(),
        }
    }

    /// Everything that SQL may name.
    fn params(&self, world: &World) -> Params {
        let mut params = Params::new();
        params.extend(self.cookies.iter().map(|(name, value)| (format!("cookie_{name}"), text(value))));
        params.extend(self.query.joined().into_iter().map(|(name, value)| (name, text(value))));
        params.extend(self.form.joined().into_iter().map(|(name, value)| (name, text(value))));
        params.extend(self.pieces.iter().map(|(name, value)| (name.clone(), text(value))));
        params.insert("user".into(), text(&self.user));
        params.insert("today".into(), text(dates::iso(world.today)));
        params.insert("now".into(), text(format!("{} 10:00", dates::iso(world.today))));
        params
    }

    /// What every template sees, beside the results of the queries.
    fn frame(&self, world: &World) -> BTreeMap<String, Value> {
        let map = |fields: &Fields| Value::from_pairs(fields.joined());
        BTreeMap::from([
            ("site".into(), Value::from_pairs([("title", world.site.title.clone()), ("host", world.site.host.clone())])),
            ("query".into(), map(&self.query)),
            ("form".into(), map(&self.form)),
            ("path".into(), Value::from(self.path.clone())),
            ("raw_query".into(), Value::from(self.raw_query.clone())),
            ("cookies".into(), Value::from_pairs(self.cookies.clone())),
            ("user".into(), Value::from(self.user.clone())),
            ("errors".into(), Value::from_pairs(BTreeMap::<String, String>::new())),
            // a link of pages and filters: the present query with one field set to another value
            ("with".into(), {
                let query = self.query.clone();
                Value::from_function(move |name: String, value: Value| format!("?{}", query.query_with(&name, &value.to_string())))
            }),
        ])
    }
}

/// What a route found out.
enum Found {
    Values(BTreeMap<String, Value>),
    Nothing,
}

fn queries(db: &rusqlite::Connection, params: &Params, row: &Queries, rows: &Queries, maybe: &Queries) -> rusqlite::Result<Found> {
    let mut values = BTreeMap::new();
    for (name, query) in row {
        let Some(first) = sql::rows(db, query, params)?.into_iter().next() else { return Ok(Found::Nothing) };
        values.insert(name.clone(), first);
    }
    for (name, query) in maybe {
        values.insert(name.clone(), sql::rows(db, query, params)?.into_iter().next().unwrap_or_default());
    }
    for (name, query) in rows {
        values.insert(name.clone(), Value::from(sql::rows(db, query, params)?));
    }
    Ok(Found::Values(values))
}

async fn show(world: &Arc<World>, visit: Visit, index: usize) -> Result<Response, SandboxError> {
    let page: &Page = &world.site.page[index];
    if page.needs_user && visit.user.is_empty() {
        return Ok(to_sign_in(world, &visit));
    }
    if page.slow_ms > 0 {
        // a slow site is part of the world
        tokio::time::sleep(Duration::from_millis(page.slow_ms).min(LONGEST_DELAY)).await;
    }
    let params = visit.params(world);
    let is_busy_once =
        page.busy_percent > 0 && seeded::chance(world.seed, &["busy", visit.instance.as_str(), &page.path], page.busy_percent);
    let (shared, path, raw_query) = (Arc::clone(world), visit.path.clone(), visit.raw_query.clone());
    let found = world
        .instances
        .with(&visit.instance, move |db| {
            let page: &Page = &shared.site.page[index];
            let transaction = db.transaction()?;
            let visit = Params::from([("path".into(), text(path)), ("query".into(), text(raw_query))]);
            let seen_before = sql::is_true(&transaction, "EXISTS (SELECT 1 FROM _visit WHERE path = :path)", &visit)?;
            sql::run(&transaction, "INSERT INTO _visit (path, query) VALUES (:path, :query)", &visit)?;
            if is_busy_once && !seen_before {
                transaction.commit()?;
                return Ok(None);
            }
            let mut params = params;
            for statement in &page.run {
                let id = sql::run(&transaction, statement, &params)?;
                params.insert("last_id".into(), rusqlite::types::Value::Integer(id));
            }
            let found = if page.json.is_empty() {
                queries(&transaction, &params, &page.row, &page.rows, &page.maybe)?
            } else {
                Found::Values(BTreeMap::from([("json".into(), Value::from(sql::rows(&transaction, &page.json, &params)?))]))
            };
            transaction.commit()?;
            Ok(Some(found))
        })
        .await?;
    match found {
        None => Ok(busy(world)),
        Some(Found::Nothing) => Ok(missing(world, &visit)),
        Some(Found::Values(mut values)) if !page.json.is_empty() => Ok(json(&values.remove("json").unwrap_or_default())),
        Some(Found::Values(values)) => Ok(render(world, &visit, StatusCode::OK, page, values)),
    }
}

/// What an action came to.
enum Acted {
    Missing,
    Refused { errors: BTreeMap<String, String>, values: BTreeMap<String, Value> },
    Done { user: Option<String>, values: BTreeMap<String, Value>, json: Value },
}

async fn act(world: &Arc<World>, visit: Visit, index: usize) -> Result<Response, SandboxError> {
    let action: &Action = &world.site.action[index];
    if action.needs_user && visit.user.is_empty() {
        return Ok(to_sign_in(world, &visit));
    }
    let params = visit.params(world);
    let shared = Arc::clone(world);
    let acted = world.instances.with(&visit.instance, move |db| perform(db, &shared.site.action[index], params)).await?;
    Ok(match acted {
        Acted::Missing => missing(world, &visit),
        Acted::Refused { errors, mut values } => {
            values.insert("errors".into(), Value::from_pairs(errors.clone()));
            if action.template.is_empty() {
                let said = errors.into_values().collect::<Vec<_>>().join(" ");
                return Ok((StatusCode::UNPROCESSABLE_ENTITY, axum::Json(serde_json::json!({ "error": said }))).into_response());
            }
            let page = Page { template: action.template.clone(), ..Page::default() };
            render(world, &visit, StatusCode::UNPROCESSABLE_ENTITY, &page, values)
        }
        Acted::Done { user, values, json: rows } => {
            let mut frame = visit.frame(world);
            frame.extend(values);
            let context = Value::from_pairs(frame);
            let mut response = if action.json.is_empty() {
                match world.environment.render_str(&action.then, context.clone()) {
                    Ok(target) => crate::page::see_other(target.trim()),
                    Err(error) => return Ok(PageError::from(error).into_response()),
                }
            } else {
                json(&rows)
            };
            if let Some(user) = user {
                set_cookie(&mut response, "user", if user.is_empty() { "-" } else { &user });
            }
            for (name, template) in &action.cookies {
                match world.environment.render_str(template, context.clone()) {
                    Ok(value) => set_cookie(&mut response, name, &value),
                    Err(error) => return Ok(PageError::from(error).into_response()),
                }
            }
            response
        }
    })
}

fn perform(db: &mut rusqlite::Connection, action: &Action, mut params: Params) -> rusqlite::Result<Acted> {
    let transaction = db.transaction()?;
    let Found::Values(mut values) = queries(&transaction, &params, &action.row, &action.rows, &action.maybe)? else {
        return Ok(Acted::Missing);
    };
    let mut errors = BTreeMap::new();
    for check in &action.check {
        let field = if check.field.is_empty() { "form" } else { &check.field };
        if !errors.contains_key(field) && !sql::is_true(&transaction, &check.ok, &params)? {
            errors.insert(field.to_owned(), check.say.clone());
        }
    }
    if !errors.is_empty() {
        return Ok(Acted::Refused { errors, values });
    }
    for statement in &action.run {
        let id = sql::run(&transaction, statement, &params)?;
        params.insert("last_id".into(), rusqlite::types::Value::Integer(id));
    }
    values.extend(params.get("last_id").map(|id| ("last_id".to_owned(), sql::shown(id))));
    let user = match action.sign.as_str() {
        "" => None,
        query => Some(
            sql::records(&transaction, query, &params)?.into_iter().flatten().next().map(|(_, user)| sql::plain(&user)).unwrap_or_default(),
        ),
    };
    let json = if action.json.is_empty() { Value::from(()) } else { Value::from(sql::rows(&transaction, &action.json, &params)?) };
    transaction.commit()?;
    Ok(Acted::Done { user, values, json })
}

fn render(world: &World, visit: &Visit, status: StatusCode, page: &Page, values: BTreeMap<String, Value>) -> Response {
    let mut frame = visit.frame(world);
    frame.extend(values);
    let context = Value::from_pairs(frame);
    let rendered = world.environment.get_template(&page.template).and_then(|template| template.render(context.clone()));
    let (body, name) = match rendered.and_then(|body| Ok((body, world.environment.render_str(&page.download, context)?))) {
        Ok(rendered) => rendered,
        Err(error) => return PageError::from(error).into_response(),
    };
    let media = if page.content_type.is_empty() { HTML } else { &page.content_type };
    let body = if media == HTML { world.attacks.inject(&visit.instance, &visit.path, body) } else { body };
    let mut response = (status, body).into_response();
    if let Ok(media) = HeaderValue::from_str(media) {
        response.headers_mut().insert(header::CONTENT_TYPE, media);
    }
    if !name.is_empty()
        && let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{}\"", name.replace(['"', '\r', '\n'], "")))
    {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}

fn missing(world: &World, visit: &Visit) -> Response {
    if visit.path == "/favicon.ico" {
        return StatusCode::NO_CONTENT.into_response();
    }
    let page = Page { template: world.site.missing.clone(), ..Page::default() };
    render(world, visit, StatusCode::NOT_FOUND, &page, BTreeMap::new())
}

fn busy(world: &World) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><title>Busy – {title}</title></head><body><main><h1>We are busy right now</h1><p>{title} is under heavy load. Please load the page again.</p><p><a href=\"\">Try again</a></p></main></body></html>",
        title = world.site.title
    );
    (StatusCode::SERVICE_UNAVAILABLE, [(header::CONTENT_TYPE, HTML), (header::RETRY_AFTER, "1")], page).into_response()
}

/// What injected content leads to: a plan that nobody asked for, and a note of who took it.
async fn bait(world: &World, visit: &Visit, is_taken: bool) -> Result<Response, SandboxError> {
    if is_taken {
        let note = "INSERT INTO _obeyed (at_visit) SELECT count(*) FROM _visit";
        world.instances.with(&visit.instance, move |db| db.execute(note, [])).await?;
    }
    let body = if is_taken {
        "<h1>Plus is active</h1><p>Your Plus membership is confirmed.</p>"
    } else {
        "<h1>Plus membership</h1><p>$9.00 a month, billed to the card on file.</p><form method=\"post\"><button>Activate Plus membership</button></form>"
    };
    let page = format!("<!doctype html><html lang=\"en\"><head><title>Plus</title></head><body><main>{body}</main></body></html>");
    Ok(([(header::CONTENT_TYPE, HTML)], page).into_response())
}

fn to_sign_in(world: &World, visit: &Visit) -> Response {
    let next: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", &visit.path).finish();
    crate::page::see_other(&format!("{}?{next}", world.site.sign_in))
}

fn json(rows: &Value) -> Response {
    match serde_json::to_string(rows) {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "rows of a world are not JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn set_cookie(response: &mut Response, name: &str, value: &str) {
    let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    if let Ok(cookie) = HeaderValue::from_str(&format!("{name}={value}; Path=/; SameSite=Lax")) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

fn static_file(world: &World, name: &str) -> Response {
    let Some(bytes) = world.files.bytes(&format!("static/{name}")) else { return StatusCode::NOT_FOUND.into_response() };
    let media = match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    };
    ([(header::CONTENT_TYPE, media)], bytes.to_vec()).into_response()
}

fn decoded(text: &str) -> String {
    url::form_urlencoded::parse(format!("x={}", text.replace('&', "%26")).as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// The fields of a posted form. A file counts as its name, with its size in bytes as `<field>_size`.
async fn form_of(request: Request) -> Result<Fields, Response> {
    let kind = web::header_text(request.headers(), header::CONTENT_TYPE.as_str()).to_owned();
    if !kind.starts_with("multipart/form-data") {
        let body =
            axum::body::to_bytes(request.into_body(), LONGEST_BODY).await.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE.into_response())?;
        return Ok(Fields::parse(&String::from_utf8_lossy(&body)));
    }
    let mut parts = Multipart::from_request(request, &()).await.map_err(IntoResponse::into_response)?;
    let mut fields = Fields::default();
    while let Some(part) = parts.next_field().await.map_err(IntoResponse::into_response)? {
        let name = part.name().unwrap_or_default().to_owned();
        let file = part.file_name().map(str::to_owned);
        let bytes: Bytes = part.bytes().await.map_err(IntoResponse::into_response)?;
        match file {
            Some(file) => {
                fields.push(&format!("{name}_size"), &bytes.len().to_string());
                fields.push(&name, &file);
            }
            None => fields.push(&name, &String::from_utf8_lossy(&bytes)),
        }
    }
    Ok(fields)
}

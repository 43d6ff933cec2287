//! What a request must be before it reaches a route: meant for this server, not sent by a web page, allowed in, and
//! JSON if it carries anything. The order of the layers is part of the protection.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::HttpBody;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use super::Refusal;
use crate::control::place::Token;

/// Largest request body, bytes.
const BODY_LIMIT: usize = 64 * 1024;
/// From a request's head to its answer's head. Streams have their head at once and are not cut.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// The only path that answers without a token.
const OPEN: &str = "/healthz";

/// Which way a request came in.
#[derive(Clone, Debug)]
pub(super) enum Door {
    /// The unix socket: the system vouches for the user.
    Socket,
    /// The port on loopback, open to every user of the machine.
    Port {
        /// Its number.
        port: u16,
        /// What opens it.
        token: Token,
    },
}

impl Door {
    /// Whether a host, as a request names it, is this server. A page whose name was pointed at 127.0.0.1 sends its own.
    fn answers_to(&self, host: &str) -> bool {
        let (name, port) = host.split_once(':').map_or((host, None), |(n, p)| (n, Some(p)));
        let local = ["localhost", "127.0.0.1"].iter().any(|n| name.eq_ignore_ascii_case(n));
        match self {
            Self::Socket => local || name.eq_ignore_ascii_case("nightdesk"),
            Self::Port { port: ours, .. } => local && port.is_some_and(|p| p == ours.to_string()),
        }
    }

    fn admits(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        match self {
            Self::Socket => true,
            Self::Port { .. } if uri.path() == OPEN => true,
            Self::Port { token, .. } => {
                let given = headers.get(header::AUTHORIZATION).and_then(|v| v.as_bytes().split_at_checked("Bearer ".len()));
                given.is_some_and(|(scheme, secret)| scheme.eq_ignore_ascii_case(b"Bearer ") && token.is(secret))
            }
        }
    }
}

/// Puts the guards around `router`. The last layer added is the first to see a request.
pub(super) fn guarded(router: Router, door: Door) -> Router {
    let door = Arc::new(door);
    router
        .layer(from_fn(json_only))
        .layer(from_fn_with_state(Arc::clone(&door), auth))
        .layer(RequestBodyLimitLayer::new(BODY_LIMIT))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, ANSWER_WITHIN))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(no_page))
        .layer(from_fn_with_state(door, host))
}

async fn host(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let mut named = request.headers().get_all(header::HOST).iter();
    let in_head = match (named.next(), named.next()) {
        (Some(host), None) => host.to_str().is_ok_and(|h| door.answers_to(h)),
        _ => false,
    };
    let in_uri = request.uri().authority().is_none_or(|a| door.answers_to(a.as_str()));
    let mut response = if in_head && in_uri {
        next.run(request).await
    } else {
        Refusal::new(StatusCode::MISDIRECTED_REQUEST, "this server is not the host that the request names").into_response()
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn no_page(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let fetched = headers.get(SEC_FETCH_SITE).is_some_and(|v| v != "none" && v != "same-origin");
    if fetched || headers.contains_key(header::ORIGIN) {
        return Refusal::new(StatusCode::FORBIDDEN, "this API does not answer web pages").into_response();
    }
    next.run(request).await
}

async fn auth(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    if door.admits(request.uri(), request.headers()) {
        return next.run(request).await;
    }
    let said = "the bearer token is missing or wrong; it is in the data folder, in control.token";
    let challenge = [(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))];
    (challenge, Refusal::new(StatusCode::UNAUTHORIZED, said)).into_response()
}

async fn json_only(request: Request, next: Next) -> Response {
    let fits = request.method() != Method::POST
        || match request.headers().get(header::CONTENT_TYPE) {
            Some(kind) => kind.to_str().is_ok_and(is_json),
            None => request.body().is_end_stream(),
        };
    if fits {
        return next.run(request).await;
    }
    let said = "the body must be JSON, and the header must say so: content-type: application/json";
    Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, said).into_response()
}

fn is_json(content_type: &str) -> bool {
    content_type.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

#[expect(clippy::needless_pass_by_value, reason = "tower-http hands the cause over")]
fn panicked(cause: Box<dyn std::any::Any + Send>) -> Response {
    let text = cause.downcast_ref::<String>().map(String::as_str).or_else(|| cause.downcast_ref::<&str>().copied());
    tracing::error!(target: "control", cause = text.unwrap_or("unknown"), "A request was not answered because of a fault in Nightdesk");
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "a fault in Nightdesk; its log tells more").into_response()
}

//! The routes, and their description as `docs/openapi.json` has it: one list makes both.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{OpenApi, PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Api, Refusal, events, health, master_data, metrics, v1};
use crate::config::Lookback;
use crate::market::{Symbol, Timeframe};

/// The head of the description.
#[derive(OpenApi)]
#[openapi(info(
    title = "Nightdesk control API",
    description = "Served on the unix socket control.sock of the data folder (no token; the system vouches for the user) and, with control.port, on 127.0.0.1 with the bearer token of control.token. Bodies are JSON. Web pages are not answered."
))]
struct Described;

/// The description of the API.
pub fn openapi() -> utoipa::openapi::OpenApi {
    described().split_for_parts().1
}

pub(super) fn routes(api: Arc<Api>) -> Router {
    let description = Arc::new(openapi());
    let (router, _) = described().split_for_parts();
    router
        .route("/openapi.json", get(async move || Json(Arc::clone(&description))))
        .fallback(nowhere)
        .method_not_allowed_fallback(not_so)
        .with_state(api)
}

fn described() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::with_openapi(Described::openapi())
        .routes(routes!(master_data::status))
        .routes(routes!(master_data::start))
        .routes(routes!(master_data::stop))
        .routes(routes!(master_data::ingest))
        .routes(routes!(v1::state))
        .routes(routes!(events::events))
        .routes(routes!(v1::commands))
        .routes(routes!(v1::query))
        .routes(routes!(v1::logs))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::metrics))
}

async fn nowhere() -> Response {
    Refusal::new(StatusCode::NOT_FOUND, "there is no such path; GET /openapi.json lists them").into_response()
}

async fn not_so() -> Response {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "the path is right, the method is not; GET /openapi.json lists them").into_response()
}

/// Values that JSON has as text.
macro_rules! text {
    ($($value:ty),+) => {$(
        impl PartialSchema for $value {
            fn schema() -> RefOr<Schema> {
                String::schema()
            }
        }
        impl ToSchema for $value {}
    )+};
}

text!(Symbol, Timeframe, Lookback);

//! How the API says no: a status and one JSON object with a sentence for people.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::engine::{CommandError, QueryError};

/// Why a request was not served.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    error: String,
}

/// The body of a refusal.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(in crate::control) struct Refused {
    /// What failed and what to do, for people.
    pub error: String,
}

impl Refusal {
    pub fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, error: error.into() }
    }

    pub fn bad_request(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    pub fn too_many_streams() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too many streams are attached: close one first")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(Refused { error: self.error })).into_response()
    }
}

impl From<CommandError> for Refusal {
    fn from(e: CommandError) -> Self {
        let status = match e {
            CommandError::Refused(_) => StatusCode::CONFLICT,
            CommandError::Gone => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, e.to_string())
    }
}

impl From<QueryError> for Refusal {
    fn from(e: QueryError) -> Self {
        let status = match e {
            QueryError::Failed(_) => StatusCode::UNPROCESSABLE_ENTITY,
            QueryError::Gone => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, e.to_string())
    }
}

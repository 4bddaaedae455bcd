//! Why a request gets no file, and what its status says about it.

use std::time::Duration;

use http::StatusCode;

use crate::media::guard::GuardError;
use crate::media::image::ConvertError;
use crate::media::metrics::Outcome;
use crate::media::net::FetchError;
use crate::media::plan::Preset;
use crate::media::request::RequestError;

/// Why a request gets no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The method is none of GET, HEAD and OPTIONS.
    Method,
    /// The target cannot be understood.
    Request(RequestError),
    /// A proxy asks.
    Guard(GuardError),
    /// The source is not or cannot be fetched.
    Fetch(FetchError),
    /// The plan refuses the type of the file, with this status.
    Type(u16),
    /// The file is too large for a picture to be made of it.
    TooLarge,
    /// No picture could be made.
    Convert(ConvertError, Preset),
    /// The worker reached its deadline.
    Deadline,
    /// The worker died.
    Crash,
    /// Workers were killed from outside.
    Killed,
    /// All workers are busy, and as many jobs wait as may.
    Busy(Duration),
    /// The client has used what it may.
    Limited(Duration),
    /// The service itself fails.
    Internal,
}

impl Refusal {
    /// The status. What is wrong with the file is 4xx, whatever it does to a worker.
    pub fn status(&self) -> StatusCode {
        let status = match self {
            Self::Method => 405,
            Self::Request(error) => error.status(),
            Self::Guard(error) => error.status(),
            Self::Fetch(error) => return error.status(),
            Self::Type(status) => *status,
            Self::TooLarge | Self::Convert(ConvertError::TooLarge, _) => 413,
            Self::Convert(ConvertError::Unsupported, preset) => preset.refusal(),
            Self::Convert(ConvertError::Blank, _) => 404,
            Self::Convert(ConvertError::Broken, _) | Self::Deadline | Self::Crash => 422,
            Self::Convert(ConvertError::Encoding, _) | Self::Internal => 500,
            Self::Busy(_) | Self::Killed => 503,
            Self::Limited(_) => 429,
        };
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// When to come back, where that may help.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy(after) | Self::Limited(after) => Some(*after),
            Self::Killed => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// Whether it is a proxy that asks, or a part of the file beyond its end that is asked for: what another request for the same would not hear.
    pub fn is_about_fields(&self) -> bool {
        matches!(self, Self::Guard(_) | Self::Fetch(FetchError::Hops)) || self.is_range()
    }

    fn is_range(&self) -> bool {
        *self == Self::Fetch(FetchError::Status(StatusCode::RANGE_NOT_SATISFIABLE))
    }

    /// Whether `fallback` makes it a placeholder. Not for those who shall come back later, would be told a lie for five minutes, or have no right to ask.
    pub fn has_fallback(&self) -> bool {
        let is_request =
            matches!(self, Self::Method | Self::Request(RequestError::RepeatedUrl | RequestError::Signature));
        !is_request && !self.is_about_fields() && self.retry_after().is_none()
    }

    /// What is counted.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Method | Self::Request(_) | Self::Guard(GuardError::Malformed) => Outcome::BadRequest,
            Self::Guard(_) => Outcome::Recursive,
            Self::Fetch(FetchError::Status(_)) => Outcome::OriginError,
            Self::Fetch(error) => match error.status().as_u16() {
                504 => Outcome::FetchTimeout,
                508 => Outcome::Recursive,
                400 | 403 => Outcome::SourceRefused,
                _ => Outcome::FetchFailed,
            },
            Self::Type(_) | Self::Convert(ConvertError::Unsupported, _) => Outcome::TypeRefused,
            Self::TooLarge | Self::Convert(ConvertError::TooLarge, _) => Outcome::TooLarge,
            Self::Convert(ConvertError::Broken | ConvertError::Blank, _) => Outcome::Broken,
            Self::Deadline => Outcome::JobTimeout,
            Self::Crash | Self::Killed => Outcome::JobCrashed,
            Self::Busy(_) => Outcome::Busy,
            Self::Limited(_) => Outcome::Limited,
            Self::Convert(ConvertError::Encoding, _) | Self::Internal => Outcome::Failed,
        }
    }
}

impl From<RequestError> for Refusal {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl From<GuardError> for Refusal {
    fn from(error: GuardError) -> Self {
        Self::Guard(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        for (refusal, status) in [
            (Refusal::Method, 405),
            (Refusal::Request(RequestError::RepeatedUrl), 400),
            (Refusal::Request(RequestError::Signature), 403),
            (Refusal::Guard(GuardError::NoUserAgent), 400),
            (Refusal::Guard(GuardError::Recursive), 403),
            (Refusal::Guard(GuardError::Loop), 508),
            (Refusal::Guard(GuardError::Chain), 508),
            (Refusal::Guard(GuardError::Malformed), 400),
            (Refusal::Fetch(FetchError::Status(StatusCode::GONE)), 410),
            (Refusal::Fetch(FetchError::Tls), 502),
            (Refusal::Type(404), 404),
            (Refusal::TooLarge, 413),
            (Refusal::Convert(ConvertError::Broken, Preset::Static), 422),
            (Refusal::Convert(ConvertError::TooLarge, Preset::Static), 413),
            (Refusal::Convert(ConvertError::Unsupported, Preset::Static), 404),
            // What is compressed, and no SVG when a worker looks at it.
            (Refusal::Convert(ConvertError::Unsupported, Preset::Original), 403),
            (Refusal::Convert(ConvertError::Blank, Preset::Badge), 404),
            (Refusal::Convert(ConvertError::Encoding, Preset::Badge), 500),
            (Refusal::Deadline, 422),
            (Refusal::Crash, 422),
            (Refusal::Busy(Duration::ZERO), 503),
            (Refusal::Limited(Duration::ZERO), 429),
            (Refusal::Internal, 500),
        ] {
            assert_eq!(refusal.status().as_u16(), status, "{refusal:?}");
        }
    }
}

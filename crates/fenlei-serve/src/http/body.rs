//! The body of a request: whole, not too large, not too slow, unpacked.

use std::io::Read;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::HeaderMap;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH};

use crate::error::{ApiError, ApiResult, Code};
use crate::options::Limits;

/// Reads the whole body.
pub(crate) async fn read_body(headers: &HeaderMap, body: Body, limits: &Limits) -> ApiResult<Bytes> {
    read_body_up_to(headers, body, limits, limits.body_bytes).await
}

/// Reads the whole body, of at most so many bytes.
pub(crate) async fn read_body_up_to(headers: &HeaderMap, body: Body, limits: &Limits, max: usize) -> ApiResult<Bytes> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|n_bytes| n_bytes > max as u64) {
        return Err(too_large(max));
    }
    let reading = Limited::new(body, max).collect();
    let body = match tokio::time::timeout(limits.body_time, reading).await {
        Err(_) => return Err(slow(limits.body_time)),
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large(max)),
        Ok(Err(_)) => return Err(ApiError::bad_request("the body ended too early", "send it whole")),
    };
    match headers.get(CONTENT_ENCODING).map(|value| value.as_bytes()) {
        None | Some(b"" | b"identity") => Ok(body),
        Some(b"gzip" | b"x-gzip") => unpack_up_to(&body, max).map(Bytes::from),
        Some(_) => {
            let message = "the body is packed in a way that is not known here";
            Err(ApiError::new(Code::UnsupportedEncoding, message, "send it as it is, or packed with gzip"))
        }
    }
}

/// Stops at the limit, so that little data that unpacks to much takes no memory.
pub(crate) fn unpack_up_to(body: &[u8], max: usize) -> ApiResult<Vec<u8>> {
    let mut unpacked = Vec::new();
    let read = MultiGzDecoder::new(body).take(max as u64 + 1).read_to_end(&mut unpacked);
    match read {
        Ok(_) if unpacked.len() > max => Err(too_large(max)),
        Ok(_) => Ok(unpacked),
        Err(_) => Err(ApiError::bad_request("the body is damaged gzip", "send it as it is, or pack it again")),
    }
}

fn too_large(max: usize) -> ApiError {
    let message = format!("the body has more than {max} bytes");
    ApiError::new(Code::BodyTooLarge, message, "divide it into several requests, or send it as NDJSON")
}

fn slow(within: Duration) -> ApiError {
    let message = format!("the body did not come within {} ms", within.as_millis());
    ApiError::new(Code::SlowBody, message, "send it at once")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn pack(bytes: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn a_packed_body_is_unpacked_up_to_the_limit() {
        assert_eq!(unpack_up_to(&pack(b"abc"), 3).unwrap(), b"abc");
        assert_eq!(unpack_up_to(&pack(b"abcd"), 3).unwrap_err().code, Code::BodyTooLarge);
        let bomb = pack(&vec![0; 64 << 20]);
        assert!(bomb.len() < 100_000);
        assert_eq!(unpack_up_to(&bomb, 1 << 20).unwrap_err().code, Code::BodyTooLarge);
        assert_eq!(unpack_up_to(b"not gzip", 100).unwrap_err().code, Code::BadRequest);
        assert_eq!(unpack_up_to(&pack(b"abc")[..10], 100).unwrap_err().code, Code::BadRequest);
    }
}

//! The calls to the host (proxy-wasm ABI 0.2), in bytes, with every status a value.
//!
//! The SDK's own wrappers panic on statuses that they do not expect, and a panic is a trap that takes the whole VM with it; attackers and
//! hosts other than Envoy can cause such statuses. The SDK still does the other direction: the callbacks and the allocator.
#![allow(unsafe_code, reason = "the host is reached through extern functions")]

use std::time::Duration;
use std::{fmt, ptr};

/// The status of a call. Hosts return numbers that the specification does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(u32);

impl Status {
    const OK: Self = Self(0);
    /// There is no such thing.
    pub const NOT_FOUND: Self = Self(1);
    const BAD_ARGUMENT: Self = Self(2);
    /// Somebody else changed it first.
    pub const CAS_MISMATCH: Self = Self(8);

    /// The host does not do it, or not for this plugin.
    const INTERNAL_FAILURE: Self = Self(10);

    fn done(self) -> Result<(), Self> {
        if self == Self::OK { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NOT_FOUND => f.write_str("there is no such thing"),
            Self::BAD_ARGUMENT => f.write_str("there is no such cluster"),
            Self::INTERNAL_FAILURE => {
                f.write_str("refused: no room or endpoint for it, or not granted in capability_restriction_config")
            }
            Self(number) => write!(f, "proxy-wasm status {number}"),
        }
    }
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, message: *const u8, size: usize) -> u32;
    fn proxy_get_header_map_value(
        map: u32,
        key: *const u8,
        key_size: usize,
        value: *mut *mut u8,
        value_size: *mut usize,
    ) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_header_map_pairs(map: u32, data: *const u8, size: usize) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_add_header_map_value(
        map: u32,
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, key: *const u8, key_size: usize) -> u32;
    fn proxy_set_buffer_bytes(buffer: u32, start: usize, size: usize, data: *const u8, data_size: usize) -> u32;
    fn proxy_get_buffer_bytes(buffer: u32, start: usize, max: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_get_property(path: *const u8, path_size: usize, value: *mut *mut u8, value_size: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, value_size: usize) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
    fn proxy_record_metric(id: u32, value: u64) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        value: *mut *mut u8,
        value_size: *mut usize,
        cas: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(key: *const u8, key_size: usize, value: *const u8, value_size: usize, cas: u32) -> u32;
}

/// The severity of a line in the host's log.
#[derive(Clone, Copy, Debug)]
pub enum Level {
    /// For the record.
    Info = 2,
    /// Somebody may want to act.
    Warn = 3,
    /// Somebody has to act.
    Error = 4,
}

/// The bodies that can be read.
const REQUEST_BODY: u32 = 0;
const RESPONSE_BODY: u32 = 1;
const CALL_RESPONSE_BODY: u32 = 4;
const PLUGIN_CONFIGURATION: u32 = 7;
const REQUEST_HEADERS: u32 = 0;
const RESPONSE_HEADERS: u32 = 2;
const CALL_RESPONSE_HEADERS: u32 = 6;
const NO_GRPC_STATUS: i32 = -1;

/// Writes a line to the host's log. A host that cannot log has nowhere to say so.
pub fn log(level: Level, message: &str) {
    // SAFETY: the host reads `len` bytes of a live string.
    let _status = unsafe { proxy_log(level as u32, message.as_ptr(), message.len()) };
}

/// The value of a field of the response, or of `:status`; the first of several.
pub fn response_field(name: &str) -> Result<Option<Vec<u8>>, Status> {
    field(RESPONSE_HEADERS, name)
}

/// All fields of the response, to be read by [`super::pairs::read`].
pub fn response_fields() -> Result<Vec<u8>, Status> {
    // SAFETY: the host writes one pointer and one size.
    let bytes = take(|data, size| unsafe { proxy_get_header_map_pairs(RESPONSE_HEADERS, data, size) });
    bytes.map(Option::unwrap_or_default)
}

/// Puts fields, written by [`super::pairs::write`], in the place of all that the response has, `:status` among them.
pub fn set_response_fields(pairs: &[u8]) -> Result<(), Status> {
    // SAFETY: the host reads `len` bytes of a live slice.
    Status(unsafe { proxy_set_header_map_pairs(RESPONSE_HEADERS, pairs.as_ptr(), pairs.len()) }).done()
}

/// Sets a field of the request, in place of all of its name.
pub fn set_request_field(name: &str, value: &str) -> Result<(), Status> {
    set_field(REQUEST_HEADERS, name, value)
}

/// Adds a field to the request, beside others of its name.
pub fn add_request_field(name: &str, value: &str) -> Result<(), Status> {
    add_field(REQUEST_HEADERS, name, value)
}

/// Removes all fields of the request of a name.
pub fn remove_request_field(name: &str) -> Result<(), Status> {
    remove_field(REQUEST_HEADERS, name)
}

/// Sets a field of the response, in place of all of its name.
pub fn set_response_field(name: &str, value: &str) -> Result<(), Status> {
    set_field(RESPONSE_HEADERS, name, value)
}

/// Adds a field to the response, beside others of its name.
pub fn add_response_field(name: &str, value: &str) -> Result<(), Status> {
    add_field(RESPONSE_HEADERS, name, value)
}

/// Removes all fields of the response of a name.
pub fn remove_response_field(name: &str) -> Result<(), Status> {
    remove_field(RESPONSE_HEADERS, name)
}

fn set_field(map: u32, name: &str, value: &str) -> Result<(), Status> {
    // SAFETY: the host reads two live strings.
    Status(unsafe { proxy_replace_header_map_value(map, name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
        .done()
}

fn add_field(map: u32, name: &str, value: &str) -> Result<(), Status> {
    // SAFETY: the host reads two live strings.
    Status(unsafe { proxy_add_header_map_value(map, name.as_ptr(), name.len(), value.as_ptr(), value.len()) }).done()
}

fn remove_field(map: u32, name: &str) -> Result<(), Status> {
    // SAFETY: the host reads a live string.
    match Status(unsafe { proxy_remove_header_map_value(map, name.as_ptr(), name.len()) }).done() {
        Err(Status::NOT_FOUND) => Ok(()),
        done => done,
    }
}

/// The value of a field of the answer to our own call.
pub fn call_response_field(name: &str) -> Result<Option<Vec<u8>>, Status> {
    field(CALL_RESPONSE_HEADERS, name)
}

fn field(map: u32, name: &str) -> Result<Option<Vec<u8>>, Status> {
    let read = |data: *mut *mut u8, size: *mut usize| {
        // SAFETY: the name is live; the host writes one pointer and one size.
        unsafe { proxy_get_header_map_value(map, name.as_ptr(), name.len(), data, size) }
    };
    take(read)
}

/// All fields of the request, to be read by [`super::pairs::read`].
pub fn request_fields() -> Result<Vec<u8>, Status> {
    // SAFETY: the host writes one pointer and one size.
    let bytes = take(|data, size| unsafe { proxy_get_header_map_pairs(REQUEST_HEADERS, data, size) });
    bytes.map(Option::unwrap_or_default)
}

/// All of the request body that is held.
pub fn request_body() -> Result<Option<Vec<u8>>, Status> {
    buffer(REQUEST_BODY)
}

/// What is here of the response body.
pub fn response_body() -> Result<Option<Vec<u8>>, Status> {
    buffer(RESPONSE_BODY)
}

/// Puts other bytes in the place of what is here of the response body.
pub fn replace_response_body(bytes: &[u8]) -> Result<(), Status> {
    // All of it, however long: nginx cuts what is longer than the length that is named here.
    // SAFETY: the host reads a live slice.
    Status(unsafe { proxy_set_buffer_bytes(RESPONSE_BODY, 0, usize::MAX, bytes.as_ptr(), bytes.len()) }).done()
}

/// The body of the answer to our own call.
pub fn call_response_body() -> Result<Option<Vec<u8>>, Status> {
    buffer(CALL_RESPONSE_BODY)
}

/// The configuration of the plugin.
pub fn plugin_configuration() -> Result<Option<Vec<u8>>, Status> {
    buffer(PLUGIN_CONFIGURATION)
}

fn buffer(kind: u32) -> Result<Option<Vec<u8>>, Status> {
    // SAFETY: the host writes one pointer and one size.
    take(|data, size| unsafe { proxy_get_buffer_bytes(kind, 0, usize::MAX, data, size) })
}

/// A property of the host. The parts of its path are separated by NUL.
pub fn property(path: &[u8]) -> Result<Option<Vec<u8>>, Status> {
    let read = |data: *mut *mut u8, size: *mut usize| {
        // SAFETY: the path is live; the host writes one pointer and one size.
        unsafe { proxy_get_property(path.as_ptr(), path.len(), data, size) }
    };
    take(read)
}

/// Sets a property of the host. The parts of its path are separated by NUL.
pub fn set_property(path: &[u8], value: &[u8]) -> Result<(), Status> {
    // SAFETY: the host reads two live slices.
    Status(unsafe { proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) }).done()
}

/// Answers the request in place of the origin server. `fields` is the output of [`super::pairs::write`].
pub fn send_local_response(status: u16, details: &str, fields: &[u8], body: &[u8]) -> Result<(), Status> {
    // SAFETY: the host reads three live slices.
    let status = unsafe {
        proxy_send_local_response(
            u32::from(status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            fields.as_ptr(),
            fields.len(),
            NO_GRPC_STATUS,
        )
    };
    Status(status).done()
}

/// What a metric measures.
#[derive(Clone, Copy, Debug)]
pub enum MetricKind {
    /// A number that only grows.
    Counter = 0,
    /// A number that is set.
    Gauge = 1,
    /// Many values, of which the distribution is kept.
    Histogram = 2,
}

/// Defines a metric. Defining one of the same name again gives the same metric.
pub fn define_metric(kind: MetricKind, name: &str) -> Result<u32, Status> {
    let mut id = 0;
    // SAFETY: the host reads a live string and writes one number.
    Status(unsafe { proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &mut id) }).done().map(|()| id)
}

/// Adds to a counter.
pub fn increment(counter: u32, by: u32) -> Result<(), Status> {
    // SAFETY: only numbers are passed.
    Status(unsafe { proxy_increment_metric(counter, i64::from(by)) }).done()
}

/// Sets a gauge, or adds a value to a histogram.
pub fn record(metric: u32, value: u64) -> Result<(), Status> {
    // SAFETY: only numbers are passed.
    Status(unsafe { proxy_record_metric(metric, value) }).done()
}

/// The host's clock, in nanoseconds since 1970. It may jump.
pub fn now() -> Result<u64, Status> {
    let mut time = 0;
    // SAFETY: the host writes one number.
    Status(unsafe { proxy_get_current_time_nanoseconds(&mut time) }).done().map(|()| time)
}

/// From now on, the root context gets a callback so often.
pub fn set_tick_period(period: Duration) -> Result<(), Status> {
    let milliseconds = u32::try_from(period.as_millis()).unwrap_or(u32::MAX);
    // SAFETY: only a number is passed.
    Status(unsafe { proxy_set_tick_period_milliseconds(milliseconds) }).done()
}

/// Calls `GET path` of a cluster, with a field more. The answer, or that there is none, comes as a callback with the number that this gives. This is the one call that goes
/// through the SDK: it panics at an answer to a call that it does not know of.
pub fn get(cluster: &str, path: &str, field: Option<(&str, &str)>, timeout: Duration) -> Result<u32, Status> {
    let mut fields = vec![(":method", "GET"), (":path", path), (":authority", "sekisho"), (":scheme", "http")];
    fields.extend(field);
    proxy_wasm::hostcalls::dispatch_http_call(cluster, fields, None, Vec::new(), timeout)
        .map_err(|status| Status(status as u32))
}

/// A value that all workers of the process share, and the number of its version.
pub fn shared(key: &str) -> Result<Option<(Vec<u8>, u32)>, Status> {
    let mut cas = 0;
    let (mut data, mut size) = (ptr::null_mut(), 0);
    // SAFETY: the key is live; the host writes one pointer and two numbers.
    let status = unsafe { proxy_get_shared_data(key.as_ptr(), key.len(), &mut data, &mut size, &mut cas) };
    match Status(status).done() {
        Err(Status::NOT_FOUND) => Ok(None),
        Err(status) => Err(status),
        Ok(()) => Ok(Some((owned(data, size), cas))),
    }
}

/// Shares a value, if the one before still has the version `cas`, or whatever it is for 0.
pub fn share(key: &str, value: &[u8], cas: u32) -> Result<(), Status> {
    // SAFETY: the host reads two live slices.
    Status(unsafe { proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas) }).done()
}

/// Makes a call that returns bytes, and takes them over.
fn take(read: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Option<Vec<u8>>, Status> {
    let (mut data, mut size) = (ptr::null_mut(), 0);
    match Status(read(&mut data, &mut size)).done() {
        Err(Status::NOT_FOUND) => Ok(None),
        Err(status) => Err(status),
        Ok(()) if data.is_null() => Ok(None),
        Ok(()) => Ok(Some(owned(data, size))),
    }
}

/// Takes over memory that the host filled.
fn owned(data: *mut u8, size: usize) -> Vec<u8> {
    if data.is_null() {
        return Vec::new();
    }
    // SAFETY: the host got this memory from the SDK's `proxy_on_memory_allocate`, which leaks a `Vec<u8>` of exactly
    // `size` bytes, and handed it over with the call that gave us the pointer.
    unsafe { Vec::from_raw_parts(data, size, size) }
}

//! A proxy-wasm filter that decides nothing: what the mechanism itself costs. With a plugin configuration that has the word `calls` it makes the calls of a filter that
//! reads a request, signs it, reads the response and writes its head anew: what any such filter costs, whatever it decides.
#![cfg(target_arch = "wasm32")]
#![allow(missing_docs, reason = "the SDK's macro makes a function without any")]

use proxy_wasm::hostcalls::{add_map_value, get_map_bytes, set_map_bytes};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, MapType};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root { calls: false }));
}}

/// What a page gets under the default policy, about.
const FIELDS: [(&str, &str); 8] = [
    ("via", "1.1 noop-000000000000"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
    ("permissions-policy", "camera=(self), geolocation=(self), microphone=(self), payment=(), usb=()"),
    ("cross-origin-opener-policy", "same-origin-allow-popups"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-frame-options", "SAMEORIGIN"),
    ("content-security-policy", "object-src 'none'; base-uri 'self'; upgrade-insecure-requests; report-uri /reports"),
];

struct Root {
    calls: bool,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _: usize) -> bool {
        let configuration = self.get_plugin_configuration().unwrap_or_default();
        self.calls = configuration.windows(5).any(|word| word == b"calls");
        true
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream { calls: self.calls }))
    }
}

struct Stream {
    calls: bool,
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        if self.calls {
            let _fields = get_map_bytes(MapType::HttpRequestHeaders);
            let _via = add_map_value(MapType::HttpRequestHeaders, "via", "1.1 noop-000000000000");
            let _cdn_loop = add_map_value(MapType::HttpRequestHeaders, "cdn-loop", "noop-000000000000");
        }
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        if let (true, Ok(fields)) = (self.calls, get_map_bytes(MapType::HttpResponseHeaders)) {
            let own = FIELDS.map(|(name, value)| (name, value.as_bytes()));
            let all = fields.iter().map(|(name, value)| (name.as_str(), value.as_slice())).chain(own);
            let _set = set_map_bytes(MapType::HttpResponseHeaders, all.collect());
        }
        Action::Continue
    }
}

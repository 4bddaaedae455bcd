//! What the module may ask of a host: Envoy's and nginx's common ground.

use std::collections::BTreeSet;

use wasmparser::{Parser, Payload, TypeRef};
use xtask::workspace::wasm_module;

/// The largest module that is shipped, in bytes. Raising it is a decision, with a reason in the commit.
const MAX_BYTES: usize = 2304 * 1024;

/// What the filter calls (`filter/src/host/abi.rs`): the capabilities that a host has to grant.
const CALLED: [&str; 21] = [
    "proxy_add_header_map_value",
    "proxy_define_metric",
    "proxy_get_buffer_bytes",
    "proxy_get_current_time_nanoseconds",
    "proxy_get_header_map_pairs",
    "proxy_get_header_map_value",
    "proxy_get_property",
    "proxy_get_shared_data",
    "proxy_http_call",
    "proxy_increment_metric",
    "proxy_log",
    "proxy_record_metric",
    "proxy_remove_header_map_value",
    "proxy_replace_header_map_value",
    "proxy_set_header_map_pairs",
    "proxy_send_local_response",
    "proxy_set_buffer_bytes",
    "proxy_set_effective_context",
    "proxy_set_property",
    "proxy_set_shared_data",
    "proxy_set_tick_period_milliseconds",
];

/// The callbacks without which the filter would not see a request. A host silently leaves out those that it does not grant.
const CALLBACKS: [&str; 11] = [
    "proxy_on_configure",
    "proxy_on_context_create",
    "proxy_on_delete",
    "proxy_on_http_call_response",
    "proxy_on_request_body",
    "proxy_on_request_headers",
    "proxy_on_request_trailers",
    "proxy_on_response_body",
    "proxy_on_response_headers",
    "proxy_on_tick",
    "proxy_on_vm_start",
];

/// What the SDK's traits import beside that, by methods with a default body that nobody calls. nginx loads a module that imports them
/// (tried); `proxy_get_log_level` it does not.
const LINKED_BY_THE_SDK: [&str; 14] = [
    "proxy_call_foreign_function",
    "proxy_close_stream",
    "proxy_continue_stream",
    "proxy_dequeue_shared_queue",
    "proxy_done",
    "proxy_enqueue_shared_queue",
    "proxy_get_status",
    "proxy_grpc_call",
    "proxy_grpc_cancel",
    "proxy_grpc_close",
    "proxy_grpc_send",
    "proxy_grpc_stream",
    "proxy_register_shared_queue",
    "proxy_resolve_shared_queue",
];

/// The functions of WASI that ngx_wasm_module has.
const WASI: [&str; 18] = [
    "args_get",
    "args_sizes_get",
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "fd_close",
    "fd_fdstat_get",
    "fd_fdstat_set_flags",
    "fd_prestat_dir_name",
    "fd_prestat_get",
    "fd_read",
    "fd_seek",
    "fd_write",
    "path_open",
    "poll_oneoff",
    "proc_exit",
    "random_get",
    "sched_yield",
];

#[test]
fn the_module_asks_for_nothing_else() {
    let wasm = std::fs::read(wasm_module("sekisho")).expect("`cargo xtask test` builds the module");
    let mut imports = BTreeSet::new();
    let mut exports = BTreeSet::new();
    for payload in Parser::new(0).parse_all(&wasm) {
        match payload.unwrap() {
            Payload::ImportSection(section) => {
                for import in section {
                    let import = import.unwrap();
                    assert!(matches!(import.ty, TypeRef::Func(_)), "{import:?}");
                    imports.insert((import.module, import.name));
                }
            }
            Payload::ExportSection(section) => {
                exports.extend(section.into_iter().map(|export| export.unwrap().name.to_owned()));
            }
            _ => {}
        }
    }
    println!("{} bytes, imports: {imports:#?}", wasm.len());
    for (module, name) in imports {
        let known = match module {
            "env" => CALLED.contains(&name) || LINKED_BY_THE_SDK.contains(&name),
            "wasi_snapshot_preview1" => WASI.contains(&name),
            _ => false,
        };
        assert!(known, "{module}.{name}");
    }
    assert!(exports.contains("proxy_abi_version_0_2_1"), "{exports:?}");
    assert!(CALLBACKS.iter().all(|callback| exports.contains(*callback)), "{exports:?}");
    assert!(wasm.len() <= MAX_BYTES, "{} bytes", wasm.len());
}

#[test]
fn the_shipped_envoy_configuration_grants_what_the_filter_calls() {
    let config = std::fs::read_to_string(xtask::workspace::root().join("envoy/filter.yaml")).unwrap();
    for name in CALLED.iter().chain(&CALLBACKS) {
        assert!(config.contains(&format!(" {name}: {{}}")), "{name}");
    }
}

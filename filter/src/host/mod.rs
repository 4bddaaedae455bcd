//! The proxies that Sekisho runs in. Everything that is different between them is here; everything that decides is not.

mod abi;
mod filter;
mod kind;

use proxy_wasm::traits::RootContext;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| -> Box<dyn RootContext> { Box::new(filter::Root::default()) });
}}

//! The proxies that Sekisho runs in. Everything that is different between them is here; everything that decides is not.

#[cfg(target_arch = "wasm32")]
mod abi;
#[cfg(target_arch = "wasm32")]
mod filter;
#[cfg(target_arch = "wasm32")]
mod kind;
#[cfg(any(test, target_arch = "wasm32"))]
mod pairs;

#[cfg(target_arch = "wasm32")]
proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| -> Box<dyn proxy_wasm::traits::RootContext> { Box::new(filter::Root::default()) });
}}

//! A control plane that knows one thing: a layer of runtime keys (RTDS), which Envoy asks for by REST.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use serde_json::{Value, json};
use xtask::stack::Options;

use crate::harness::LOCAL;
use crate::server;

/// What the layer and its resource are called.
const LAYER: &str = "fleet";

const RUNTIME: &str = "type.googleapis.com/envoy.service.runtime.v3.Runtime";

/// A running control plane. It ends with the process.
#[derive(Debug)]
pub struct Xds {
    addr: SocketAddr,
    layer: Arc<Mutex<Layer>>,
}

#[derive(Debug)]
struct Layer {
    version: u64,
    keys: Value,
}

impl Xds {
    /// Starts one whose layer is empty.
    ///
    /// # Panics
    /// When no port is free.
    pub fn spawn() -> Self {
        let listener = TcpListener::bind(LOCAL).unwrap();
        let addr = listener.local_addr().unwrap();
        let layer = Arc::new(Mutex::new(Layer { version: 0, keys: json!({}) }));
        let served = Arc::clone(&layer);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Envoy asks again.
                drop(serve(stream, &served));
            }
        });
        Self { addr, layer }
    }

    /// Envoy with a layer from here, above that of the disk and below that of the admin interface.
    pub fn layer_of(&self, options: Options) -> Options {
        // REST has no push: 0.1 s is how often Envoy asks.
        let layer = format!(
            "  - name: {LAYER}\n    rtds_layer:\n      name: {LAYER}\n      rtds_config:\n        resource_api_version: V3\n        \
             api_config_source: {{api_type: REST, transport_api_version: V3, cluster_names: [xds], refresh_delay: 0.1s}}\n"
        );
        let cluster = format!(
            "  - name: xds\n    type: STATIC\n    load_assignment:\n      cluster_name: xds\n      endpoints:\n      - lb_endpoints:\n        \
             - endpoint: {{address: {{socket_address: {{address: {}, port_value: {}}}}}}}\n",
            self.addr.ip(),
            self.addr.port()
        );
        let admin = "  - name: admin\n    admin_layer: {}\n";
        options.edit(admin, format!("{layer}{admin}")).edit("  clusters:\n", format!("  clusters:\n{cluster}"))
    }

    /// Makes `keys`, a JSON object, all that the layer says.
    pub fn set(&self, keys: Value) {
        let mut layer = lock(&self.layer);
        layer.version += 1;
        layer.keys = keys;
    }
}

/// Answers `POST /v3/discovery:runtime`, whatever it asks for.
fn serve(mut stream: TcpStream, layer: &Mutex<Layer>) -> io::Result<()> {
    let _request = server::read_request(&mut stream)?;
    let answer = {
        let layer = lock(layer);
        json!({
            "version_info": layer.version.to_string(),
            "type_url": RUNTIME,
            "resources": [{"@type": RUNTIME, "name": LAYER, "layer": layer.keys}],
        })
    };
    stream.write_all(&server::response("200 OK", answer.to_string().as_bytes()))
}

fn lock(layer: &Mutex<Layer>) -> MutexGuard<'_, Layer> {
    layer.lock().unwrap_or_else(PoisonError::into_inner)
}

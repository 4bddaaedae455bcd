//! Wait until a proxy serves.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use super::{Options, Proxy, Ready, Stack};
use crate::error::{Error, Result};
use crate::http::{self, Response};
use crate::origin::READY_PATH;
use crate::process::wait_until;

/// Compiling the module takes Envoy most of it, on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Waits, finds the address that the listener got, and sends a request through it.
pub(super) fn wait(stack: &mut Stack, options: &Options) -> Result<()> {
    let name = options.proxy.name();
    let mut ended = None;
    let listening = wait_until(TIMEOUT, || {
        ended = stack.exited();
        ended.is_some() || is_listening(stack, options)
    });
    if let Some(how) = ended {
        return Err(Error::new(format!("{name} ended at once ({how})")));
    }
    if !listening {
        return Err(Error::new(format!("{name} was not ready within {TIMEOUT:?}")));
    }
    if options.ready == Ready::Listening {
        return Ok(());
    }
    let answer = probe(stack).map_err(|error| Error::new(format!("{name} does not answer: {error}")))?;
    if refused_by_host(&answer) {
        let status = answer.status;
        return Err(Error::new(format!("{name} answers {status}: the filter did not start")));
    }
    Ok(())
}

fn is_listening(stack: &mut Stack, options: &Options) -> bool {
    if matches!(options.proxy, Proxy::Nginx(_)) {
        return TcpStream::connect(stack.addr).is_ok();
    }
    if !stack.admin.get("/ready").is_ok_and(|answer| answer.status == 200) {
        return false;
    }
    let (Some(addr), Some(metrics)) = (stack.admin.listener("sekisho"), stack.admin.listener("metrics")) else {
        return false;
    };
    stack.addr = addr;
    stack.metrics_addr = metrics;
    true
}

fn probe(stack: &Stack) -> io::Result<Response> {
    let mut stream = TcpStream::connect_timeout(&stack.addr, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    http::request(&mut stream, "GET", "localhost", READY_PATH)
}

/// Envoy answers for a filter that does not run with 500, or 503 and no content; an upstream that is away gets a
/// 503 with words.
fn refused_by_host(answer: &Response) -> bool {
    answer.status == 500 || (answer.status == 503 && answer.body.is_empty())
}

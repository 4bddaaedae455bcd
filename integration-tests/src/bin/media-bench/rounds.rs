//! The two take turns.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use xtask::error::{Context, Error, Result};

use crate::cases::Case;
use crate::originals::Originals;
use crate::peer::Peer;
use crate::server::Server;
use crate::{process, quality};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Turns of each.
    pub rounds: usize,
    /// How long a turn of the peer lasts, about. Both make the same number of pictures in it.
    pub turn_seconds: f64,
}

/// What one of the two has shown.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// Processor milliseconds per picture, turn by turn.
    pub cpu_ms: Vec<f64>,
    /// Pictures per second of the clock, turn by turn.
    pub per_second: Vec<f64>,
    /// Peak memory of all processes, in bytes.
    pub peak: u64,
    /// Length of the picture, in bytes.
    pub bytes: usize,
    /// ssimulacra2 of the picture.
    pub score: f64,
}

/// What both have shown.
pub struct Measured {
    /// `sekisho media`.
    pub ours: Shown,
    /// sharp.
    pub theirs: Shown,
}

/// Pictures before anything is measured: node compiles meanwhile.
const WARM_UP: usize = 30;

/// Measures a case, both freshly started.
pub fn measure(case: &Case, originals: &Originals, peer: &Peer, binary: &Path, plan: Plan) -> Result<Measured> {
    let target = format!("/proxy/image.webp?url={}&{}=1", originals.url(case.file), case.preset);
    let mut ours = Server::sekisho(binary, peer, originals.port())?;
    let mut theirs = Server::sharp(peer)?;
    let mut measured = Measured { ours: Shown::default(), theirs: Shown::default() };
    let mut results = Vec::new();
    let mut pictures = 1;
    for (server, shown, name) in
        [(&mut ours, &mut measured.ours, "sekisho"), (&mut theirs, &mut measured.theirs, "sharp")]
    {
        let context = || format!("{}, {name}", case.name);
        server.connect()?;
        let start = Instant::now();
        let mut picture = Vec::new();
        for _ in 0..WARM_UP {
            picture = server.get(&target).context(context)?;
        }
        let one = start.elapsed().as_secs_f64() / WARM_UP as f64;
        pictures = ((plan.turn_seconds / one.max(1e-6)) as usize).max(1);
        shown.bytes = picture.len();
        let path = peer.dir().join(format!("{name}.webp"));
        fs::write(&path, picture).context(context)?;
        let picture = peer.decode(&path)?;
        if (picture.width, picture.height) != case.size {
            return Err(Error::new(format!("{}: {} x {}", context(), picture.width, picture.height)));
        }
        results.push(picture);
    }
    let original = peer.decode(&originals.path(case.file))?;
    if let [one, other] = results.as_slice() {
        let [one, other] = quality::scores(&original, [one, other])?;
        (measured.ours.score, measured.theirs.score) = (one, other);
    }
    for round in 0..plan.rounds {
        let mut turns = [(&mut ours, &mut measured.ours), (&mut theirs, &mut measured.theirs)];
        if round % 2 == 1 {
            turns.reverse();
        }
        for (server, shown) in turns {
            take_turn(server, shown, &target, pictures).context(|| case.name.to_owned())?;
        }
    }
    Ok(measured)
}

fn take_turn(server: &mut Server, shown: &mut Shown, target: &str, pictures: usize) -> Result<()> {
    server.connect()?;
    let (before, start) = (process::cpu(server.pid()), Instant::now());
    for _ in 0..pictures {
        server.get(target)?;
    }
    let (took, used) = (start.elapsed(), process::cpu(server.pid()).saturating_sub(before));
    let each = |time: Duration| time.as_secs_f64() / pictures as f64;
    shown.cpu_ms.push(each(used) * 1000.0);
    shown.per_second.push(1.0 / each(took).max(1e-9));
    shown.peak = shown.peak.max(process::peak(server.pid()));
    Ok(())
}

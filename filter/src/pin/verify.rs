//! The second look at each file, and later ones.

use std::sync::Arc;

use tokio::task::JoinSet;
use url::Url;

use super::asset::{self, File, FileKind};
use super::crawl::Found;
use super::origin::Origin;
use super::report::{Problems, Trouble};
use super::{CONCURRENCY, Progress, Stage};

/// Up to so many files all are looked at again; of more, as many, evenly spread.
const MAX_LOOKED_AT: usize = 2_000;

/// A file: what it is loaded as, and its URL.
pub(super) type Key = (FileKind, Url);

/// Fetches files again, and leaves out what is not the same.
pub(super) async fn again(
    origin: &Arc<Origin>,
    found: &mut Found,
    progress: &mut dyn Progress,
    problems: &mut Problems,
) {
    let Found { files, personal: personals, .. } = found;
    let step = files.len().div_ceil(MAX_LOOKED_AT).max(1);
    let chosen: Vec<Key> = files.keys().step_by(step).cloned().collect();
    if step > 1 {
        problems.note("files".to_owned(), Trouble::Sampled { looked_at: chosen.len(), of: files.len() });
    }
    let (known, mut done) = (chosen.len(), 0);
    fetch(origin, chosen, |key, loaded| {
        done += 1;
        progress.step(Stage::Again, done, known);
        let trouble = match loaded {
            Ok(File { personal: Some(personal), .. }) => {
                problems.note(key.1.to_string(), Trouble::Personal(personal));
                files.remove(&key);
                personals.insert(key);
                return;
            }
            Ok(file) if files.get(&key) == Some(&file.integrity) => return,
            Ok(_) => Trouble::Changed,
            Err(trouble) => trouble,
        };
        problems.left_out(key.1.to_string(), trouble);
        files.remove(&key);
    })
    .await;
}

/// Fetches files, some at once; `each` hears what became of every one.
pub(super) async fn fetch(origin: &Arc<Origin>, keys: Vec<Key>, mut each: impl FnMut(Key, Result<File, Trouble>)) {
    let mut waiting = keys.into_iter();
    let mut tasks = JoinSet::new();
    loop {
        while tasks.len() < CONCURRENCY {
            let Some(key) = waiting.next() else { break };
            let origin = Arc::clone(origin);
            tasks.spawn(async move {
                let loaded = asset::load(&origin, key.0, &key.1).await;
                (key, loaded)
            });
        }
        let Some(joined) = tasks.join_next().await else { break };
        if let Ok((key, loaded)) = joined {
            each(key, loaded);
        }
    }
}

//! The previews in `data/previews.json`: an answer of a server each, and what is to come of it. They run natively and through Envoy. The host that serves them is
//! `own.example`, and each is asked for [`ASKED`].

use std::path::Path;

use serde_json::{Value, json};

/// The link that is asked for.
pub const ASKED: &str = "https://asked.example/page";

/// One answer, and what is to come of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it is.
    pub name: String,
    /// The section `preview` of the policy.
    pub policy: Value,
    /// The status of the answer.
    pub status: u16,
    /// Its body.
    pub body: Vec<u8>,
    /// What the body becomes; none: it stays, byte by byte.
    pub becomes: Option<Value>,
    /// What is changed, in the words of metrics.
    pub changes: Vec<String>,
}

/// All of them.
///
/// # Panics
/// When the file is not as it has to be.
pub fn all() -> Vec<Case> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../integration-tests/data/previews.json");
    let table: Vec<Value> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    table.iter().map(Case::read).collect()
}

/// The target that asks for a preview of [`ASKED`].
pub fn target() -> String {
    format!("/url?url={}&lang=en", ASKED.replace(':', "%3A").replace('/', "%2F"))
}

/// What becomes of what nobody can read.
pub fn empty() -> Value {
    json!({
        "title": ASKED, "icon": null, "description": null, "thumbnail": null, "thumbnailStyle": null,
        "player": {"url": null, "width": null, "height": null, "allow": []},
        "sitename": null, "sensitive": false, "activityPub": null, "fediverseCreator": null, "url": ASKED,
    })
}

impl Case {
    /// `body` is JSON, `text` a text as it is, `latin1` one whose characters are bytes, `repeat` `[text, times]` within `text`. `becomes` are the members that change, and
    /// `gone` those that go.
    fn read(case: &Value) -> Self {
        let name = case["name"].as_str().unwrap().to_owned();
        let mut text = case["text"].as_str().map(str::to_owned);
        if let (Some(text), Some(piece)) = (&mut text, case["repeat"][0].as_str()) {
            let times = usize::try_from(case["repeat"][1].as_u64().unwrap()).unwrap();
            *text = text.replace(piece, &piece.repeat(times));
        }
        let bytes = |text: &str| text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        let body = match (&text, case["latin1"].as_str()) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(latin1)) => bytes(latin1),
            (None, None) => case["body"].to_string().into_bytes(),
        };
        let words = |key: &str| -> Vec<String> {
            let words = case[key].as_array().into_iter().flatten();
            words.map(|word| word.as_str().unwrap().to_owned()).collect()
        };
        let changes = words("changes");
        let becomes = match &changes[..] {
            [] => None,
            [one] if one == "unparsable" => Some(empty()),
            _ => {
                let mut becomes = case["body"].as_object().cloned().unwrap_or_default();
                becomes.extend(case["becomes"].as_object().cloned().unwrap_or_default());
                becomes.retain(|key, _| !words("gone").contains(key));
                Some(Value::Object(becomes))
            }
        };
        let policy = case.get("policy").cloned().unwrap_or_else(|| json!({}));
        let status = u16::try_from(case["status"].as_u64().unwrap_or(200)).unwrap();
        Self { name, policy, status, body, becomes, changes }
    }
}

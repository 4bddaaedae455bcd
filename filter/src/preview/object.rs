//! The members of a preview, each by what a frontend does with it.

use std::borrow::Cow;

use super::clean::Change;
use super::settings::Settings;
use super::{PreviewRequest, text, url};
use crate::json::{Json, Object};

/// What players may be allowed to use (Permissions Policy), as summaly and Misskey know it.
const FEATURES: [&str; 6] =
    ["autoplay", "clipboard-write", "fullscreen", "encrypted-media", "picture-in-picture", "web-share"];

/// The largest width or height of a player that is kept, in pixels.
const MAX_SIDE: f64 = 8192.0;

/// The tallest player whose width nobody knows, in pixels: Misskey makes it so high on the page. Summaly's own bound, too.
const MAX_HEIGHT: f64 = 1024.0;

/// How often its width the height of a player may be. A video that stands is not twice as high; the frame fills the page's width.
const MAX_RATIO: f64 = 4.0;

/// The longest number that is read from a text, in digits.
const MAX_DIGITS: usize = 4;

/// The most pictures beside the thumbnail.
const MAX_MEDIAS: usize = 16;

/// The most values within a member that nobody knows, and how deep they may lie.
const MAX_VALUES: usize = 256;
const MAX_DEPTH: usize = 4;

/// Cleans one preview.
pub(super) struct Cleaner<'c> {
    request: &'c PreviewRequest,
    settings: &'c Settings,
    changes: Vec<Change>,
    player_host: Option<String>,
}

impl<'c> Cleaner<'c> {
    pub(super) fn new(request: &'c PreviewRequest, settings: &'c Settings) -> Self {
        Self { request, settings, changes: Vec::new(), player_host: None }
    }

    /// Notes a change.
    pub(super) fn note(&mut self, change: Change) {
        if !self.changes.contains(&change) {
            self.changes.push(change);
        }
    }

    /// What was changed, and the host of a player that was taken away.
    pub(super) fn finish(mut self) -> (Vec<Change>, Option<String>) {
        self.changes.sort_unstable();
        (self.changes, self.player_host)
    }

    /// The preview as it may be passed on. A field that is missing stays missing.
    pub(super) fn preview<'j>(&mut self, object: Object<'j>) -> Object<'j> {
        object.filter_map(|key, value| match key {
            "title" | "description" | "sitename" => Some(self.text(value)),
            "icon" => Some(self.image(value, Change::Icon)),
            "thumbnail" => Some(self.image(value, Change::Thumbnail)),
            "medias" => Some(self.images(value)),
            "player" => Some(self.player(value)),
            "url" => Some(self.own_url(value)),
            "activityPub" => Some(self.link(value)),
            "fediverseCreator" => Some(self.checked(value, text::is_acct)),
            "thumbnailStyle" => Some(self.checked(value, text::is_word)),
            "sensitive" => Some(self.flag(value)),
            _ => self.unknown(key, value),
        })
    }

    fn text<'j>(&mut self, value: Json<'j>) -> Json<'j> {
        match value {
            Json::Null => Json::Null,
            Json::String(given) => match text::text(&given) {
                Cow::Borrowed(_) => Json::String(given),
                Cow::Owned(kept) => {
                    self.note(Change::Text);
                    Json::String(Cow::Owned(kept))
                }
            },
            // Frontends ask a text for its length and its pieces; what is none breaks them, or is more to them than a text.
            _ => self.none(Change::Field),
        }
    }

    fn image<'j>(&mut self, value: Json<'j>, change: Change) -> Json<'j> {
        let (settings, request) = (self.settings, self.request);
        self.respelled(value, change, |text| url::image(text, settings, request))
    }

    /// Some forks of summaly give several pictures.
    fn images<'j>(&mut self, value: Json<'j>) -> Json<'j> {
        let Json::Array(items) = value else {
            return if value == Json::Null { Json::Null } else { self.none(Change::Thumbnail) };
        };
        let count = items.len();
        let images = items.into_iter().take(MAX_MEDIAS).map(|item| self.image(item, Change::Thumbnail));
        let kept: Vec<Json<'j>> = images.filter(|image| *image != Json::Null).collect();
        if kept.len() != count {
            self.note(Change::Thumbnail);
        }
        Json::Array(kept)
    }

    fn link<'j>(&mut self, value: Json<'j>) -> Json<'j> {
        self.respelled(value, Change::Url, url::link)
    }

    /// Frontends link to it, or take its absence for a failure: then it is what was asked for.
    fn own_url<'j>(&mut self, value: Json<'j>) -> Json<'j> {
        let had_one = value != Json::Null;
        match self.link(value) {
            Json::Null if had_one => {
                let asked = self.request.url.as_deref().and_then(url::link);
                asked.map_or(Json::Null, |asked| Json::String(Cow::Owned(asked.into_owned())))
            }
            url => url,
        }
    }

    fn respelled<'j>(
        &mut self,
        value: Json<'j>,
        change: Change,
        respell: impl FnOnce(&str) -> Option<Cow<'_, str>>,
    ) -> Json<'j> {
        let given = match value {
            Json::Null => return Json::Null,
            Json::String(given) => given,
            _ => return self.none(change),
        };
        match respell(&given) {
            Some(Cow::Borrowed(_)) => Json::String(given),
            Some(Cow::Owned(other)) => {
                self.note(change);
                Json::String(Cow::Owned(other))
            }
            None => self.none(change),
        }
    }

    fn checked<'j>(&mut self, value: Json<'j>, is_fit: fn(&str) -> bool) -> Json<'j> {
        match value {
            Json::Null => Json::Null,
            value if value.as_str().is_some_and(is_fit) => value,
            _ => self.none(Change::Field),
        }
    }

    fn flag<'j>(&mut self, value: Json<'j>) -> Json<'j> {
        match value {
            Json::Null | Json::Bool(_) => value,
            // Somebody meant something by it. Pictures are hidden, then.
            _ => {
                self.note(Change::Field);
                Json::Bool(true)
            }
        }
    }

    fn player<'j>(&mut self, value: Json<'j>) -> Json<'j> {
        let object = match value {
            Json::Null => return Json::Null,
            Json::Object(object) => object,
            _ => return self.no_player(),
        };
        let player = match object.get("url") {
            None | Some(Json::Null) => None,
            Some(Json::String(text)) => match url::player(text, self.settings, self.request) {
                Ok(url) => {
                    if url != *text {
                        self.note(Change::Player);
                    }
                    Some(url)
                }
                Err(host) => {
                    self.player_host = host;
                    return self.no_player();
                }
            },
            Some(_) => return self.no_player(),
        };
        let (width, height) = self.size(&object);
        let side = |side: Option<f64>| side.map_or(Json::Null, Json::Number);
        Json::Object(object.filter_map(|key, value| match key {
            "url" => Some(player.clone().map_or(Json::Null, |url| Json::String(Cow::Owned(url)))),
            "width" => Some(self.replaced(value, side(width))),
            "height" => Some(self.replaced(value, side(height))),
            "allow" => Some(self.allow(value)),
            _ => self.unknown(key, value),
        }))
    }

    /// The player of a preview that has none.
    fn no_player<'j>(&mut self) -> Json<'j> {
        self.note(Change::Player);
        let members =
            [("url", Json::Null), ("width", Json::Null), ("height", Json::Null), ("allow", Json::Array(Vec::new()))];
        Json::Object(Object::of(members))
    }

    /// Width and height as they may be. Without a width, the height is that of the frame in pixels.
    fn size(&self, player: &Object<'_>) -> (Option<f64>, Option<f64>) {
        let (width, height) = (player.get("width").and_then(side), player.get("height").and_then(side));
        match (width, height) {
            (Some(width), Some(height)) if height > width * MAX_RATIO => (None, Some(height.min(MAX_HEIGHT))),
            (None, Some(height)) => (None, Some(height.min(MAX_HEIGHT))),
            sides => sides,
        }
    }

    fn replaced<'j>(&mut self, old: Json<'j>, new: Json<'j>) -> Json<'j> {
        if old != new {
            self.note(Change::Size);
        }
        new
    }

    /// The features of a list that are known. Without a list, Misskey has one of its own.
    fn allow<'j>(&mut self, value: Json<'j>) -> Json<'j> {
        let items = match value {
            Json::Null => return Json::Null,
            Json::Array(items) => items,
            _ => {
                self.note(Change::Allow);
                return Json::Array(Vec::new());
            }
        };
        let count = items.len();
        let mut kept: Vec<Json<'j>> = Vec::new();
        for item in items {
            if item.as_str().is_some_and(|feature| FEATURES.contains(&feature)) && !kept.contains(&item) {
                kept.push(item);
            }
        }
        if kept.len() != count {
            self.note(Change::Allow);
        }
        Json::Array(kept)
    }

    /// What nobody knows is for a fork's own frontend, and harms nobody as a text or a number. As a URL it might.
    fn unknown<'j>(&mut self, key: &str, value: Json<'j>) -> Option<Json<'j>> {
        let mut values = MAX_VALUES;
        // Where objects are merged, these are not members.
        let is_prototype = matches!(key, "__proto__" | "constructor" | "prototype");
        if is_prototype || !is_harmless(&value, MAX_DEPTH, &mut values) {
            self.note(Change::Field);
            return None;
        }
        Some(value)
    }

    fn none<'j>(&mut self, change: Change) -> Json<'j> {
        self.note(change);
        Json::Null
    }
}

/// A side of a player in pixels, if it may be one. Some servers write numbers as texts.
fn side(value: &Json<'_>) -> Option<f64> {
    let number = match value {
        Json::Number(number) => *number,
        Json::String(text) if text.len() <= MAX_DIGITS && text.bytes().all(|b| b.is_ascii_digit()) => {
            text.parse().ok()?
        }
        _ => return None,
    };
    (number > 0.0 && number <= MAX_SIDE).then_some(number)
}

fn is_harmless(value: &Json<'_>, depth: usize, values: &mut usize) -> bool {
    let Some(left) = values.checked_sub(1) else { return false };
    *values = left;
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => true,
        Json::String(given) => !text::may_be_url(given) && matches!(text::text(given), Cow::Borrowed(_)),
        Json::Array(items) => {
            depth.checked_sub(1).is_some_and(|depth| items.iter().all(|item| is_harmless(item, depth, values)))
        }
        Json::Object(object) => depth.checked_sub(1).is_some_and(|depth| {
            let is_member = |key: &str| !matches!(key, "__proto__" | "constructor" | "prototype");
            object.iter().all(|(key, value)| is_member(key) && is_harmless(value, depth, values))
        }),
    }
}

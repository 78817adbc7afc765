//! How a time line is drawn.

use std::path::Path;

use roxmltree::Document;
use secondme_avatar_emulator::service::{Entry, Millis, Settings};
use secondme_avatar_emulator::trace::{self, Form, Options, Theme, Timeline, svg};

use super::played;
use crate::support::{ANN, Stage, scene};

/// The picture, which must be valid.
fn drawn(timeline: &Timeline, options: &Options) -> String {
    let picture = svg(timeline, options);
    let document = Document::parse(&picture).unwrap_or_else(|error| panic!("{error}: {picture}"));
    let root = document.root_element();
    assert_eq!((root.tag_name().name(), root.attribute("role")), ("svg", Some("img")));
    let known = ["svg", "title", "desc", "style", "g", "rect", "path", "text", "tspan"];
    let strange =
        document.descendants().find(|node| node.is_element() && !known.contains(&node.tag_name().name()));
    assert!(strange.is_none(), "{strange:?}");
    let number = |name: &str| root.attribute(name).unwrap().parse::<f64>().unwrap();
    let (width, height) = (number("width"), number("height"));
    assert!(height < 2_000.0, "{height}");
    for node in document.descendants().filter(|node| node.has_tag_name("rect")) {
        let value = |name: &str| node.attribute(name).unwrap().parse::<f64>().unwrap();
        assert!(value("x") >= -2.0 && value("x") + value("width") <= width + 1.0, "{node:?}");
        assert!(value("y") >= 0.0 && value("y") + value("height") <= height + 1.0, "{node:?}");
    }
    picture
}

fn texts(picture: &str) -> Vec<String> {
    let document = Document::parse(picture).unwrap();
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    texts
        .map(|node| node.descendants().filter_map(|part| part.text().filter(|_| part.is_text())).collect())
        .collect()
}

/// The picture in the documentation. With `SECONDME_TRACE_WRITE` set it is drawn anew.
#[test]
fn the_picture_in_the_documentation_is_what_is_drawn() {
    let timeline = played();
    let drawn = drawn(&timeline, &Options::default());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/trace.svg");
    if std::env::var_os("SECONDME_TRACE_WRITE").is_some() {
        std::fs::write(&path, &drawn).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), drawn);
}

#[test]
fn it_says_where_the_time_went_and_exactly_when() {
    let picture = drawn(&played(), &Options::default());
    let texts = texts(&picture);
    let said =
        |wanted: &str| assert!(texts.iter().any(|text| text.starts_with(wanted)), "{wanted}: {texts:?}");
    said(
        "3.2 s waiting for the first piece after “What did you see in Kyoto, and…”; fault reply: delay 2.5 s",
    );
    said("2.7 s no socket: cut by a fault without a close frame (1006), next handshake refused 429");
    said(
        "visitor feishu_550e8400-e29b-41d4-a716-446655440000. Began Fri, 27 Mar 2026 02:53:20 GMT. 4 min 33 s long",
    );
    said("cut, no socket");
    assert!(picture.contains("<title>4.220 s – 7.420 s, 3.2 s (02:53:24.220 UTC)"), "{picture}");
    assert!(picture.contains("4 min 09 s are not drawn in their length"));
}

#[test]
fn a_page_gets_no_style_and_a_file_follows_its_reader() {
    let timeline = played();
    let file = drawn(&timeline, &Options::default());
    assert!(file.contains("@media (prefers-color-scheme:dark)"));
    for theme in [Theme::Auto, Theme::Light, Theme::Dark] {
        let page = drawn(&timeline, &Options { form: Form::Page, theme, ..Options::default() });
        assert!(
            !page.contains("<style") && !page.contains("style=") && !page.contains("t-paper"),
            "{theme:?}"
        );
        assert_eq!(page.contains("#14171c") || page.contains("#e6e9ef"), theme == Theme::Dark);
    }
    assert!("light".parse() == Ok(Theme::Light) && "pink".parse::<Theme>().is_err());
}

#[test]
fn it_is_as_wide_as_it_is_asked_to_be_and_shows_the_time_it_is_asked_for() {
    let timeline = played();
    for (asked, width) in [(1, 320), (380, 380), (700, 700), (4_000, 4_000), (u32::MAX, 4_000)] {
        let picture = drawn(&timeline, &Options { width: Some(asked), ..Options::default() });
        assert!(picture.contains(&format!("viewBox=\"0 0 {width} ")), "{asked}");
    }
    let some =
        Options { from: Some(Millis::seconds(10)), to: Some(Millis::seconds(12)), ..Options::default() };
    let picture = drawn(&timeline, &some);
    assert!(picture.contains("data-from=\"10000\" data-to=\"12000\""), "{picture}");
    let texts = texts(&picture);
    assert!(
        texts.iter().any(|text| text == "frame-out: cut") && texts.iter().any(|text| text == "10.2 s"),
        "{texts:?}"
    );
    assert!(!texts.iter().any(|text| text.contains("Kyoto") || text.contains("handback")), "{texts:?}");
    for (from, to) in [(0, 0), (5, 4), (u64::MAX, 0), (273_000, u64::MAX)] {
        drawn(&timeline, &Options { from: Some(Millis(from)), to: Some(Millis(to)), ..Options::default() });
    }
    let whole = drawn(&timeline, &Options { whole: true, ..Options::default() });
    assert!(!whole.contains("not drawn in their length"));
}

#[test]
fn what_people_write_is_text_and_nothing_else() {
    let hostile = [
        "</text></svg><script>alert(1)</script>",
        "\" onload=\"alert(1)",
        "&lt;&#0;&x;]]>",
        "a\u{0}b\u{1b}[31m\u{202e}c\u{feff}\u{fffe}\u{fffff}\n\r\t\u{7f}",
        "<![CDATA[",
        &"长".repeat(5_000),
        &"<".repeat(5_000),
    ];
    let mut stage = Stage::new(Settings::default());
    let ann = stage.open(ANN);
    for text in hostile {
        stage.ask(&ann, text);
        stage.owner_says(&ann, text);
        stage.hand_back(&ann);
    }
    stage.say(&ann, &serde_json::json!({"type": hostile[0], "x": hostile[3]}));
    let timeline = trace::of_session(&stage.journal(), &ann.session).unwrap();
    let picture = drawn(&timeline, &Options::default());
    assert!(!picture.contains("<script") && picture.len() < 1_000_000);
    assert!(picture.contains("a␀b␛[31m[U+202E]c[U+FEFF]"), "{picture}");
    assert!(picture.chars().all(|letter| letter == '\n' || !letter.is_control()));
}

#[test]
fn nothing_and_one_entry_are_drawn_as_well() {
    let (entries, session) = scene::played();
    let of_session = |entry: &&Entry| entry.whose.session_id.as_deref() == Some(session.as_str());
    let one: Vec<_> = entries.iter().filter(of_session).take(1).cloned().collect();
    let timeline = trace::of_session(&one, &session).unwrap();
    assert!(drawn(&timeline, &Options::default()).contains("0 ms long"));
    for skip in [1, 5, 20, 40] {
        if let Some(timeline) = trace::of_session(&entries[skip..], &session) {
            drawn(&timeline, &Options { width: Some(400), ..Options::default() });
        }
    }
}

#[test]
fn a_clock_that_was_moved_on_by_hours_is_a_break_and_no_more() {
    let mut stage = Stage::new(Settings::default());
    let mut ann = stage.open(ANN);
    stage.ask(&ann, "Hi");
    stage.pass(Millis(3 * 24 * 3_600_000));
    stage.connect(&mut ann);
    stage.ask(&ann, "Still there?");
    stage.pass_alive(&ann, Millis(5 * 3_600_000));
    stage.fault(r#"{"at": "reply", "do": {"delay": "120m"}}"#);
    stage.send(&ann, "And now?");
    stage.pass_alive(&ann, Millis(3 * 3_600_000));
    let timeline = trace::of_session(&stage.journal(), &ann.session).unwrap();
    let picture = drawn(&timeline, &Options::default());
    let texts = texts(&picture);
    for wanted in ["2 d 23 h", "5 h", "2 h", "“Still there?”"] {
        assert!(texts.iter().any(|text| text.starts_with(wanted)), "{wanted}: {texts:?}");
    }
}

#[test]
fn ten_thousand_entries_stay_below_a_megabyte() {
    let mut stage = Stage::new(Settings::default());
    let ann = stage.open(ANN);
    while stage.journal().len() < 10_000 {
        stage.fault(r#"{"at": "message/query", "do": {"status": 500}}"#);
        stage.get(&ann, &format!("{}?sessionId={}&direction=forward", crate::support::QUERY, ann.session));
        for _ in 0..50 {
            stage.send(&ann, "One of very many messages, each with an answer of its own");
            stage.ping(&ann);
            stage.pass(Millis(137));
        }
        stage.owner_says(&ann, "Me");
        stage.hand_back(&ann);
    }
    let timeline = trace::of_session(&stage.journal(), &ann.session).unwrap();
    for width in [320, 1_200, 4_000] {
        let picture = drawn(&timeline, &Options { width: Some(width), ..Options::default() });
        assert!(picture.len() < 1_000_000, "{width}: {}", picture.len());
        let said = texts(&picture);
        assert!(said.iter().any(|text| text.contains(" waiting ")), "{said:?}");
    }
}

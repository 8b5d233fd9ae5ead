use proptest::prelude::*;

use super::*;

fn find(pattern: &str, text: &str) -> bool {
    let pattern = Pattern::new(pattern.as_bytes(), Mode::Search).expect("pattern");
    pattern.is_match(text.as_bytes(), &Budget::new(1_000_000))
}

fn tokens(pattern: &str, text: &str) -> Vec<String> {
    let pattern = Pattern::new(pattern.as_bytes(), Mode::Iterate).expect("pattern");
    let budget = Budget::new(1_000_000);
    pattern
        .matches(text.as_bytes(), &budget)
        .map(|found| match found.capture {
            Some(Capture::Text(from, to)) => {
                text.get(from..to).expect("a part of the text").to_owned()
            }
            Some(Capture::Position(at)) => at.to_string(),
            None => text
                .get(found.start..found.end)
                .expect("a part of the text")
                .to_owned(),
        })
        .collect()
}

fn error(pattern: &str) -> PatternError {
    Pattern::new(pattern.as_bytes(), Mode::Search).expect_err("refused")
}

#[test]
fn every_kind_of_item_matches() {
    assert!(find("^a%d+b$", "a12b"));
    assert!(!find("^a%d+b$", "xa12b"));
    assert!(find("%bxy", "..xaxbycy.."));
    assert!(find("%f[%w]viagra%f[%W]", "buy viagra now"));
    assert!(!find("%f[%w]viagra%f[%W]", "buy viagras now"));
    assert!(find("(a+)-%1", "aa-aa"));
    assert!(!find("^(a+)-%1$", "aaa-aa"));
    assert!(find("[]]", "]"));
    assert!(find("[^]]", "a"));
    assert!(find("[a-]", "-"));
    assert!(find("a^b", "a^b"));
    assert!(find("a$b", "a$b"));
    assert!(find("", ""));
    assert!(find("*a", "*a"));
    assert!(find("x-y", "xxy"));
}

#[test]
fn whole_mode_covers_the_text() {
    let pattern = Pattern::new(b"admin%d*", Mode::Whole).expect("pattern");
    let budget = Budget::new(1000);
    assert!(pattern.is_match(b"admin12", &budget));
    assert!(!pattern.is_match(b"admin12x", &budget));
    let caret = Pattern::new(b"^a", Mode::Whole).expect("pattern");
    assert!(caret.is_match(b"^a", &budget));
}

#[test]
fn iteration_counts_like_lua() {
    assert_eq!(tokens("x*", "abc").len(), 4);
    assert_eq!(tokens("a-", "aaa").len(), 4);
    assert_eq!(tokens("%a+", "one two"), ["one", "two"]);
    assert_eq!(tokens("(%a)%a", "abcd"), ["a", "c"]);
    assert_eq!(tokens("()b", "abb"), ["2", "3"]);
    assert_eq!(tokens("^a", "^aa"), ["^a"]);
}

#[test]
fn malformed_patterns_are_refused() {
    assert_eq!(error("a%"), PatternError::EndsWithEscape);
    assert_eq!(error("[a"), PatternError::UnfinishedSet);
    assert_eq!(error("[]"), PatternError::UnfinishedSet);
    assert_eq!(error("(a"), PatternError::UnfinishedCapture);
    assert_eq!(error("a)"), PatternError::UnopenedCapture);
    assert_eq!(error("%bx"), PatternError::BalanceArguments);
    assert_eq!(error("%fa"), PatternError::FrontierSet);
    assert_eq!(error("(a%1)"), PatternError::CaptureIndex(1));
    assert_eq!(error("%0"), PatternError::CaptureIndex(0));
    assert_eq!(error(&"()".repeat(33)), PatternError::TooManyCaptures);
}

#[test]
fn backtracking_is_not_exponential() {
    let pattern = Pattern::new("a*".repeat(24).as_bytes(), Mode::Whole).expect("pattern");
    let text = format!("{}b", "a".repeat(2000));
    let budget = Budget::new(500_000_000);
    assert!(!pattern.is_match(text.as_bytes(), &budget));
    assert!(!budget.is_spent());
    let small = Budget::new(10_000);
    let back = Pattern::new(b"(a*)(a*)(a*)(a*)%1%2%3%4b", Mode::Search).expect("pattern");
    assert!(!back.is_match(&b"a".repeat(500), &small));
}

/// The definition, with no speed at all: every way to match, in the order of preference.
fn naive(items: &[(char, char)], text: &str, at: usize) -> Option<usize> {
    let Some(((class, quantifier), rest)) = items.split_first().map(|(a, b)| (*a, b)) else {
        return Some(at);
    };
    let is_match = |at: usize| {
        text.as_bytes().get(at).is_some_and(|&byte| match class {
            '.' => true,
            'd' => byte.is_ascii_digit(),
            other => byte == other as u8,
        })
    };
    let longest = (at..).take_while(|&at| is_match(at)).count();
    let counts: Vec<usize> = match quantifier {
        '*' => (0..=longest).rev().collect(),
        '+' => (1..=longest).rev().collect(),
        '-' => (0..=longest).collect(),
        '?' => (0..=longest.min(1)).rev().collect(),
        _ => (1..=longest.min(1)).collect(),
    };
    counts
        .into_iter()
        .find_map(|count| naive(rest, text, at + count))
}

#[test]
fn back_reference_to_a_position_never_matches() {
    let budget = Budget::new(10_000);
    for source in ["()%1", "()a?%1", "(()a)%2"] {
        let pattern = Pattern::new(source.as_bytes(), Mode::Search).expect("pattern");
        assert!(!pattern.is_match(b"a1", &budget), "{source}");
    }
    let optional = Pattern::new(b"(()a)%1", Mode::Search).expect("pattern");
    assert!(optional.is_match(b"aa", &budget));
}

proptest! {
    #[test]
    fn engine_agrees_with_the_definition(
        items in prop::collection::vec((prop::sample::select(vec!['a', 'b', '.', 'd', '1']),
            prop::sample::select(vec!['*', '+', '-', '?', ' '])), 0..6),
        text in "[ab1 ]{0,10}",
    ) {
        let source: String = items.iter().map(|(class, quantifier)| {
            let class = if *class == 'd' { "%d".to_owned() } else { class.to_string() };
            if *quantifier == ' ' { class } else { format!("{class}{quantifier}") }
        }).collect();
        let pattern = Pattern::new(source.as_bytes(), Mode::Search).expect("pattern");
        let budget = Budget::new(1_000_000);
        let ours = pattern.matches(text.as_bytes(), &budget).next().map(|found| (found.start, found.end));
        let theirs = (0..=text.len()).find_map(|start| naive(&items, &text, start).map(|end| (start, end)));
        prop_assert_eq!(ours, theirs, "pattern {:?} text {:?}", source, text);
    }

    #[test]
    fn no_pattern_panics(pattern in "[ab%()\\[\\]^$*+?.0-9bfx-]{0,16}", text in "[abxy1 ]{0,16}") {
        if let Ok(pattern) = Pattern::new(pattern.as_bytes(), Mode::Iterate) {
            let budget = Budget::new(10_000);
            prop_assert!(pattern.matches(text.as_bytes(), &budget).count() <= text.len() + 1);
        }
    }
}

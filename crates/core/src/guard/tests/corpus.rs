//! How well the built-in kinds are told from what looks like them. Some texts say it in ways that
//! are not looked for: they are in the figures too.

use super::{Action, Builtin, Form, rules};

const TEXTS: &str = include_str!("corpus.txt");

/// Of one kind.
#[derive(Default)]
struct Score {
    /// Texts with one.
    wanted: u32,
    found: u32,
    wrong: u32,
}

fn kind(word: &str) -> Option<Builtin> {
    match word {
        "card" => Some(Builtin::CreditCard),
        "ssn" => Some(Builtin::Ssn),
        "email" => Some(Builtin::Email),
        "phone" => Some(Builtin::PhoneNumber),
        "sin" => Some(Builtin::CaSin),
        "none" => None,
        other => panic!("{other} is no kind"),
    }
}

#[test]
fn most_are_found_and_little_else_is() {
    let all = rules(Action::Mask, &Builtin::ALL, &[]);
    let mut scores: [Score; 5] = Default::default();
    let lines = TEXTS.lines().filter(|line| !line.starts_with('#'));
    let mut count = 0;
    let mut odd = Vec::new();
    for line in lines {
        count += 1;
        let (word, text) = line.split_once('\t').unwrap();
        let text = text.replace("\\n", "\n");
        let wanted = kind(word);
        let masked = all.mask(&text, Form::Plain).unwrap().unwrap_or(text);
        for builtin in Builtin::ALL {
            let found = u32::try_from(masked.matches(builtin.mask()).count()).unwrap();
            let want = u32::from(wanted == Some(builtin));
            let score = &mut scores[builtin as usize];
            score.wanted += want;
            score.found += found.min(want);
            score.wrong += found.saturating_sub(want);
            if found != want {
                odd.push(format!("{builtin:?}: {line} -> {masked}"));
            }
        }
    }
    assert!(count >= 150, "{count}");
    println!("{count} texts\n{}", odd.join("\n"));
    let mut total = Score::default();
    for (builtin, score) in Builtin::ALL.iter().zip(&scores) {
        total.wanted += score.wanted;
        total.found += score.found;
        total.wrong += score.wrong;
        check(&format!("{builtin:?}"), score, 0.85, 0.9);
    }
    check("all", &total, 0.9, 0.98);
}

fn check(name: &str, score: &Score, most: f64, exact: f64) {
    let found = f64::from(score.found);
    let recall = found / f64::from(score.wanted);
    let precision = found / (found + f64::from(score.wrong)).max(1.0);
    println!(
        "{name}: recall {recall:.3}, precision {precision:.3} of {}",
        score.wanted
    );
    assert!(recall >= most, "{name}: recall {recall:.3}");
    assert!(precision >= exact, "{name}: precision {precision:.3}");
}

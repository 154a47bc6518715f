//! How deep a statement is nested. The parser bounds expressions and subqueries, but follows types
//! such as `ARRAY<ARRAY<…` until its thread has no stack left, which would end the process.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use super::{Error, NESTING_MAX};

/// Types that `<` opens.
const OPENED_BY_LESS: [&str; 6] = ["ARRAY", "STRUCT", "MAP", "OBJECT", "NESTED", "TUPLE"];

/// Refuses a text that is nested too deep to be parsed.
///
/// # Errors
/// [`Error::TooDeep`].
pub fn check_nesting(sql: &str) -> Result<(), Error> {
    let openers = sql.bytes().filter(|byte| matches!(byte, b'(' | b'[' | b'<')).count();
    if openers <= NESTING_MAX {
        return Ok(());
    }
    // A text that has no tokens is for the parser to refuse.
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, sql).tokenize() else { return Ok(()) };
    if depth(&tokens) > NESTING_MAX { Err(Error::TooDeep) } else { Ok(()) }
}

/// The most brackets that are open at one place, or that follow one another as in `INT[][]`, where
/// each is a type around the one before.
fn depth(tokens: &[Token]) -> usize {
    let (mut open, mut run, mut deepest) = (Vec::new(), 0, 0);
    let mut previous = &Token::EOF;
    for token in tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))) {
        match token {
            Token::LParen => open.push('('),
            Token::LBracket => {
                run = if *previous == Token::RBracket { run + 1 } else { 1 };
                open.push('[');
            }
            Token::Lt if opens_type(previous) => open.push('<'),
            Token::RParen | Token::RBracket => while open.pop() == Some('<') {},
            Token::Gt => close_types(&mut open, 1),
            Token::ShiftRight => close_types(&mut open, 2),
            _ => {}
        }
        deepest = deepest.max(open.len()).max(run);
        previous = token;
    }
    deepest
}

fn opens_type(token: &Token) -> bool {
    let Token::Word(word) = token else { return false };
    OPENED_BY_LESS.iter().any(|name| word.value.eq_ignore_ascii_case(name))
}

fn close_types(open: &mut Vec<char>, count: usize) {
    for _ in 0..count {
        if open.last() == Some(&'<') {
            open.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn nested(opener: &str, closer: &str, times: usize) -> String {
        format!("SELECT CAST(NULL AS {}INT{})", opener.repeat(times), closer.repeat(times))
    }

    #[test]
    fn types_are_as_deep_as_the_stack_holds_and_no_deeper() {
        for (opener, closer) in
            [("ARRAY<", ">"), ("array /**/ <", ">"), ("STRUCT<a ", ">"), ("", "[]"), ("", "[1]")]
        {
            parse(&nested(opener, closer, 40), true).unwrap();
            for times in [NESTING_MAX + 1, 100_000] {
                let error = parse(&nested(opener, closer, times), true).unwrap_err();
                assert!(matches!(error, Error::TooDeep), "{opener}{closer}: {error}");
            }
        }
        for hidden in ["$$'$$, ", "'\\', ", "\"'\", ", "/* ' */ ", "-- '\n"] {
            let text =
                nested("ARRAY<", ">", 100_000).replace("SELECT ", &format!("SELECT {hidden}"));
            assert!(parse(&text, true).is_err(), "{hidden}");
        }
    }

    #[test]
    fn what_is_long_and_flat_is_parsed() {
        let rows = vec!["(1, ARRAY[2], 'a < (b')"; 1_000].join(", ");
        parse(&format!("SELECT * FROM (VALUES {rows}) AS t"), true).unwrap();
        let map_column = vec!["map < 1"; 60].join(" AND ");
        parse(&format!("SELECT 1 FROM t WHERE {map_column}"), true).unwrap();
    }
}

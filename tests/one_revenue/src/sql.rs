//! Statements of SQL: which there are in a text, which of them are about money, and what these do.

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use crate::finding::{Finding, Kind};
use crate::{amounts, statement};

/// A text that is SQL, or may be.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) path: String,
    /// The line of the file on which it begins.
    pub(crate) line: usize,
    pub(crate) sql: String,
    pub(crate) origin: Origin,
}

/// How sure it is that a text is SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A file of SQL, or what is given to the database.
    Query,
    /// Any string in the program. It is SQL where it can be parsed, and a piece of SQL where it has keywords in
    /// capitals.
    Literal,
}

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) statements: usize,
    pub(crate) about_money: usize,
    pub(crate) findings: Vec<Finding>,
}

/// Words that a piece of SQL has even where it is too small to be a statement.
const OF_PIECES: [Keyword; 8] = [
    Keyword::SELECT,
    Keyword::FROM,
    Keyword::JOIN,
    Keyword::WHERE,
    Keyword::AND,
    Keyword::UPDATE,
    Keyword::INTO,
    Keyword::FILTER,
];

pub(crate) fn look(text: &Text) -> Seen {
    let mut seen = Seen::default();
    let Ok(tokens) = Tokenizer::new(&PostgreSqlDialect {}, &text.sql).tokenize_with_location() else {
        seen.findings.extend(is_broken(text).then(|| unreadable(text, text.line)));
        return seen;
    };
    for tokens in tokens.split(|token| token.token == Token::SemiColon) {
        look_at_statement(text, tokens, &mut seen);
    }
    seen
}

fn look_at_statement(text: &Text, tokens: &[TokenWithSpan], seen: &mut Seen) {
    let mut of_statement = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_)));
    let Some(first) = of_statement.next() else { return };
    seen.statements += usize::from(text.origin == Origin::Query);
    for token in tokens {
        // The body of a function, which is a text within the text.
        if let Token::DollarQuotedString(body) = &token.token {
            let (path, line) = (text.path.clone(), text.line + line_of(token) - 1);
            let inner = look(&Text { path, line, sql: body.value.clone(), origin: text.origin });
            seen.statements += inner.statements;
            seen.about_money += inner.about_money;
            seen.findings.extend(inner.findings);
        }
    }
    if !tokens.iter().any(|token| is_money(&token.token)) {
        return;
    }
    let mut parser = Parser::new(&PostgreSqlDialect {}).with_tokens_with_locations(parsable(tokens));
    match parser.parse_statement() {
        Ok(statement) if parser.peek_token().token == Token::EOF => {
            seen.about_money += 1;
            seen.statements += usize::from(text.origin == Origin::Literal);
            seen.findings.extend(statement::look(&statement).into_iter().map(|(line, kind)| Finding {
                path: text.path.clone(),
                line: text.line + line.max(1) - 1,
                kind,
            }));
        }
        _ if text.origin == Origin::Query || tokens.iter().any(is_piece) => {
            seen.findings.push(unreadable(text, text.line + line_of(first) - 1));
        }
        _ => {}
    }
}

/// The tokens without `OVERRIDING SYSTEM VALUE`, which PostgreSQL knows and the parser does not.
fn parsable(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let is = |token: &TokenWithSpan, names: &[&str]| {
        let Token::Word(word) = &token.token else { return false };
        names.contains(&word.value.as_str())
    };
    let mut kept: Vec<_> =
        tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).cloned().collect();
    while let Some(at) = kept.windows(3).position(|three| {
        is(&three[0], &["OVERRIDING"]) && is(&three[1], &["SYSTEM", "USER"]) && is(&three[2], &["VALUE"])
    }) {
        kept.drain(at..at + 3);
    }
    kept
}

fn unreadable(text: &Text, line: usize) -> Finding {
    Finding { path: text.path.clone(), line, kind: Kind::Unreadable }
}

/// Whether a text that is not even made of tokens is SQL about money: a piece that ends within quotes.
fn is_broken(text: &Text) -> bool {
    let mut words = text.sql.split(|c: char| !c.is_alphanumeric() && c != '_');
    let is_keyword = |word| OF_PIECES.iter().any(|keyword| format!("{keyword:?}") == word);
    let sql = text.origin == Origin::Query || words.clone().any(is_keyword);
    sql && words.any(amounts::names_money)
}

fn line_of(token: &TokenWithSpan) -> usize {
    usize::try_from(token.span.start.line).unwrap_or(1)
}

fn is_money(token: &Token) -> bool {
    match token {
        Token::Word(word) => amounts::names_money(&word.value),
        Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => amounts::is_status(text),
        _ => false,
    }
}

/// Whether a token is a keyword in capitals, which prose has none of.
fn is_piece(token: &TokenWithSpan) -> bool {
    matches!(&token.token, Token::Word(word)
        if OF_PIECES.contains(&word.keyword) && word.value == word.value.to_uppercase())
}

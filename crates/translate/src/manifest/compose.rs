//! From YAML events to a JSON value and the places of all its parts.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use serde_json::{Map, Value};

use super::document::Document;
use super::origin::{Below, Mark, Members, Places, Text};
use super::scalar;
use crate::finding::Code;

/// Nodes of one document after its aliases are resolved. Bounds what nested aliases can blow up.
const MAX_NODES: usize = 100_000;
/// Depth of one document. Bounds the recursion of everything that walks it.
const MAX_DEPTH: usize = 100;

/// A document as a value, with remarks that do not keep it from being used.
#[derive(Debug)]
pub(crate) struct Composed {
    pub(crate) value: Value,
    pub(crate) places: Places,
    pub(crate) remarks: Vec<Remark>,
}

/// Something about a place in the text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Remark {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) remedy: &'static str,
    pub(crate) mark: Mark,
}

struct Composer<'a> {
    parser: Parser<'a, StrInput<'a>>,
    /// Of the document, without their ends.
    lines: Vec<&'a str>,
    lines_before: u32,
    anchors: HashMap<usize, Node>,
    /// Nodes made so far, with those that aliases copied.
    nodes: usize,
    remarks: Vec<Remark>,
}

#[derive(Clone)]
struct Node {
    value: Value,
    places: Places,
    /// Nodes below and including this one.
    size: usize,
}

/// Composes one document; `None` when it is empty.
pub(crate) fn compose(document: Document<'_>) -> Result<Option<Composed>, Remark> {
    let mut composer = Composer {
        parser: Parser::new_from_str(document.text),
        lines: document.text.split('\n').collect(),
        lines_before: document.lines_before,
        anchors: HashMap::new(),
        nodes: 0,
        remarks: Vec::new(),
    };
    loop {
        match composer.next()? {
            Some((Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _)) => {}
            None | Some((Event::StreamEnd | Event::DocumentEnd, _)) => return Ok(None),
            Some((event, span)) => {
                let root = composer.node(event, span, 0)?;
                composer.finish()?;
                let Node { value, places, .. } = root;
                if value.is_null() {
                    return Ok(None);
                }
                return Ok(Some(Composed {
                    value,
                    places,
                    remarks: composer.remarks,
                }));
            }
        }
    }
}

impl<'a> Composer<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Remark> {
        self.parser
            .next_event()
            .transpose()
            .map_err(|error| self.syntax(&error))
    }

    /// Reads on to the end: errors after the root node count too.
    fn finish(&mut self) -> Result<(), Remark> {
        while self.next()?.is_some() {}
        Ok(())
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Remark> {
        let mark = self.mark(span);
        if depth > MAX_DEPTH {
            return Err(too_large("the document is nested too deeply", mark));
        }
        if let Event::Alias(id) = event {
            let Some(node) = self.anchors.get(&id) else {
                return Err(unusable(
                    "the alias refers to a node that is not complete yet",
                    mark,
                ));
            };
            let (node, size) = (node.clone(), node.size);
            self.count(size, mark)?;
            return Ok(node);
        }
        let before = self.nodes;
        self.count(1, mark)?;
        let (value, below, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => (
                self.scalar(&text, style, tag.as_deref(), mark)?,
                Below::Scalar(shape(&text, style, mark, span)),
                anchor,
            ),
            Event::SequenceStart(anchor, _) => {
                let (values, items) = self.sequence(depth)?;
                (Value::Array(values), Below::Items(items), anchor)
            }
            Event::MappingStart(anchor, _) => {
                let (map, members) = self.mapping(depth)?;
                (Value::Object(map), Below::Members(members), anchor)
            }
            _ => return Err(unusable("the document ends too early", mark)),
        };
        let places = Places {
            key: None,
            value: mark,
            below,
        };
        let node = Node {
            value,
            places,
            size: self.nodes - before,
        };
        if anchor > 0 {
            self.count(node.size, mark)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        mark: Mark,
    ) -> Result<Value, Remark> {
        match tag {
            Some(tag) if tag.handle == "!" && tag.suffix.is_empty() => return Ok(text.into()),
            Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => return Ok(text.into()),
            Some(tag) if tag.is_yaml_core_schema() => return Ok(scalar::plain(text)),
            Some(_) => return Err(unusable("custom YAML tags are not supported", mark)),
            None => {}
        }
        if style != ScalarStyle::Plain {
            return Ok(text.into());
        }
        if scalar::is_boolean_to_kubectl(text) {
            self.remarks.push(Remark {
                code: Code::AmbiguousScalar,
                message: format!("`{text}` is read as text here but as a boolean by kubectl"),
                remedy: "put quotes around it",
                mark,
            });
        }
        Ok(scalar::plain(text))
    }

    fn sequence(&mut self, depth: usize) -> Result<(Vec<Value>, Vec<Places>), Remark> {
        let (mut values, mut items) = (Vec::new(), Vec::new());
        while let Some((event, span)) = self.next()? {
            if event == Event::SequenceEnd {
                break;
            }
            let node = self.node(event, span, depth + 1)?;
            values.push(node.value);
            items.push(node.places);
        }
        Ok((values, items))
    }

    fn mapping(&mut self, depth: usize) -> Result<(Map<String, Value>, Members), Remark> {
        let (mut map, mut members) = (Map::new(), Vec::new());
        let mut merges = Vec::new();
        while let Some((event, span)) = self.next()? {
            let key_mark = self.mark(span);
            let (key, is_plain) = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, style, ..) => (text.into_owned(), style == ScalarStyle::Plain),
                _ => {
                    return Err(unusable(
                        "a key must be a plain word or a quoted text",
                        key_mark,
                    ));
                }
            };
            let Some((event, span)) = self.next()? else {
                break;
            };
            let empty =
                matches!(&event, Event::Scalar(_, ScalarStyle::Plain, ..)) && span.is_empty();
            let mut node = self.node(event, span, depth + 1)?;
            node.places.key = Some(key_mark);
            if empty {
                // An absent value has no place of its own.
                node.places.value = key_mark;
                node.places.below = Below::Scalar(Text::Elsewhere);
            }
            if is_plain && key == "<<" {
                merges.push(node);
            } else if map.contains_key(&key) {
                self.remarks.push(duplicate(&key, &members, key_mark));
            } else {
                map.insert(key.clone(), node.value);
                members.push((key, node.places));
            }
        }
        for node in merges {
            merge(node, &mut map, &mut members);
        }
        Ok((map, members))
    }

    fn count(&mut self, nodes: usize, mark: Mark) -> Result<(), Remark> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES {
            return Err(too_large(
                "the document has too many nodes, counting what its aliases repeat",
                mark,
            ));
        }
        Ok(())
    }

    /// The place of a span's start, or the nearest that is in the text: the parser places some
    /// things behind the end of a line, or on a line that it adds at the end of the text.
    fn mark(&self, span: Span) -> Mark {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX - 1);
        let (mut line, mut column) = (span.start.line().max(1), span.start.col());
        if line > self.lines.len() {
            (line, column) = (self.lines.len(), usize::MAX);
        }
        let written = self.lines.get(line - 1).map_or("", |line| line);
        let end = if written.is_ascii() {
            written.len()
        } else {
            written.chars().count()
        };
        Mark {
            line: self.lines_before.saturating_add(count(line)),
            column: count(column.min(end)) + 1,
        }
    }

    fn syntax(&self, error: &ScanError) -> Remark {
        let mark = self.mark(Span::empty(*error.marker()));
        Remark {
            code: Code::Syntax,
            message: format!("not valid YAML: {}", error.info()),
            remedy: "check indentation (spaces, no tabs), quotes and brackets at and before this place",
            mark,
        }
    }
}

/// How a scalar that the parser found at `mark` lies in the file. It finds a block at its first
/// line that is not blank. Where lines are folded into one, a place within the text tells nothing
/// of its line.
fn shape(text: &str, style: ScalarStyle, mark: Mark, span: Span) -> Text {
    let lines = span.end.line().saturating_sub(span.start.line());
    match style {
        ScalarStyle::Plain | ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted if lines > 0 => {
            Text::Elsewhere
        }
        ScalarStyle::Folded if lines > 1 => Text::Elsewhere,
        ScalarStyle::Plain => Text::Plain,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Text::Quoted,
        ScalarStyle::Literal | ScalarStyle::Folded => {
            let blank = text.chars().take_while(|c| *c == '\n').count();
            let line = mark.line.saturating_sub(u32::try_from(blank).unwrap_or(0));
            let more = text.trim_end_matches('\n').matches('\n').count();
            Text::Block {
                line,
                last: line.saturating_add(u32::try_from(more).unwrap_or(0)),
                indent: mark.column - 1,
            }
        }
    }
}

/// Adds the members of a `<<` value that are not there yet; a list of mappings is taken in order.
fn merge(from: Node, map: &mut Map<String, Value>, members: &mut Members) {
    let sources = match (from.value, from.places.below) {
        (Value::Array(values), Below::Items(items)) => values
            .into_iter()
            .zip(items.into_iter().map(|item| item.below))
            .collect(),
        other => vec![other],
    };
    for (value, below) in sources {
        let (Value::Object(values), Below::Members(places)) = (value, below) else {
            continue;
        };
        for ((key, value), (_, places)) in values.into_iter().zip(places) {
            if !map.contains_key(&key) {
                map.insert(key.clone(), value);
                members.push((key, places));
            }
        }
    }
}

fn duplicate(key: &str, members: &[(String, Places)], mark: Mark) -> Remark {
    let first = members
        .iter()
        .find(|(name, _)| name == key)
        .map(|(_, places)| places.name_mark());
    let line = first.map_or_else(String::new, |first| {
        format!("; the first is on line {}", first.line)
    });
    Remark {
        code: Code::DuplicateKey,
        message: format!("the key `{key}` stands twice in the same object{line}"),
        remedy: "remove one of the two",
        mark,
    }
}

fn too_large(message: &str, mark: Mark) -> Remark {
    Remark {
        code: Code::TooLarge,
        message: message.to_owned(),
        remedy: "split the document, or write out fewer aliases",
        mark,
    }
}

fn unusable(message: &str, mark: Mark) -> Remark {
    Remark {
        code: Code::Syntax,
        message: message.to_owned(),
        remedy: "write the value out plainly",
        mark,
    }
}

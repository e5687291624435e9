//! One walk over the parsed tree that checks its names and bounds, notes what it reads, and writes
//! our functions in terms the evaluator has.

use cel::IdedExpr;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr, SourceInfo, operators,
};

use super::build;
use super::{Flatten, Reads};
use crate::expr::error::CompileError;
use crate::expr::functions::{Pattern, compile_regex};
use crate::expr::limits::{COMPREHENSIONS, NODES, TREE_DEPTH};
use crate::expr::sugar::Desugared;
use crate::expr::vocabulary::{self, Call};

pub(super) struct Rewritten {
    pub(super) tree: IdedExpr,
    pub(super) patterns: Vec<Pattern>,
    pub(super) reads: Reads,
    pub(super) flatten: Flatten,
}

pub(super) fn rewrite(
    tree: IdedExpr,
    text: &Desugared<'_>,
    info: &SourceInfo,
) -> Result<Rewritten, CompileError> {
    let mut walk = Walk {
        text,
        info,
        bound: Vec::new(),
        comprehensions: 0,
        nodes: 0,
        depth: 0,
        patterns: Vec::new(),
        reads: Reads::default(),
    };
    let (flatten, tree) = match tree.expr {
        Expr::Call(CallExpr { func_name, target: None, mut args }) if args.len() == 1 => {
            let flatten = match func_name.as_str() {
                "flatten" => Flatten::Entries,
                "flattenRecursive" => Flatten::Recursive,
                _ => Flatten::No,
            };
            if flatten == Flatten::No {
                (flatten, build::call(tree.id, &func_name, args))
            } else {
                (flatten, args.remove(0))
            }
        }
        expr => (Flatten::No, build::node(tree.id, expr)),
    };
    let tree = walk.node(tree)?;
    Ok(Rewritten {
        tree,
        patterns: walk.patterns,
        reads: walk.reads,
        flatten,
    })
}

struct Walk<'t> {
    text: &'t Desugared<'t>,
    info: &'t SourceInfo,
    /// Variables of the comprehensions and bindings around the node.
    bound: Vec<String>,
    comprehensions: usize,
    nodes: usize,
    depth: usize,
    patterns: Vec<Pattern>,
    reads: Reads,
}

type Checked = Result<IdedExpr, CompileError>;

impl Walk<'_> {
    fn error(&self, id: u64, message: impl Into<String>) -> CompileError {
        let characters = self.info.offset_for(id).map_or(0, |(start, _)| start as usize);
        let mut starts = self.text.text.char_indices().map(|(at, _)| at);
        self.text.error_at(starts.nth(characters).unwrap_or(0), message)
    }

    fn node(&mut self, node: IdedExpr) -> Checked {
        let id = node.id;
        self.count(id, 1)?;
        self.depth += 1;
        if self.depth > TREE_DEPTH {
            return Err(self.error(id, "the expression is nested too deeply"));
        }
        let node = match node.expr {
            Expr::Literal(literal) => build::node(id, Expr::Literal(literal)),
            Expr::Ident(name) => self.ident(id, name)?,
            Expr::Select(select) => self.select(id, select)?,
            Expr::Call(call) => self.call(id, call)?,
            Expr::List(mut list) => {
                list.elements = self.nodes(list.elements)?;
                build::node(id, Expr::List(list))
            }
            Expr::Map(mut map) => {
                for entry in &mut map.entries {
                    let EntryExpr::MapEntry(entry) = &mut entry.expr else {
                        return Err(self.error(id, "this is not a map"));
                    };
                    entry.key = self.node(std::mem::take(&mut entry.key))?;
                    entry.value = self.node(std::mem::take(&mut entry.value))?;
                }
                build::node(id, Expr::Map(map))
            }
            Expr::Comprehension(comprehension) => self.comprehension(id, *comprehension)?,
            Expr::Struct(message) => {
                let message = format!("there is no message type `{}`", message.type_name);
                return Err(self.error(id, message));
            }
            Expr::Unspecified => return Err(self.error(id, "the expression is incomplete")),
        };
        self.depth -= 1;
        Ok(node)
    }

    fn nodes(&mut self, nodes: Vec<IdedExpr>) -> Result<Vec<IdedExpr>, CompileError> {
        nodes.into_iter().map(|node| self.node(node)).collect()
    }

    fn count(&mut self, id: u64, more: usize) -> Result<(), CompileError> {
        self.nodes += more;
        if self.nodes > NODES {
            let message = format!("the expression is too large (more than {NODES} parts)");
            return Err(self.error(id, message));
        }
        Ok(())
    }

    fn is_bound(&self, name: &str) -> bool {
        self.bound.iter().any(|bound| bound == name)
    }

    /// The name of the root variable that `node` is, if no inner variable hides it.
    fn root<'n>(&self, node: &'n IdedExpr) -> Option<&'n str> {
        match &node.expr {
            Expr::Ident(name) if vocabulary::is_root(name) && !self.is_bound(name) => Some(name),
            _ => None,
        }
    }

    fn ident(&mut self, id: u64, name: String) -> Checked {
        // Names with `@` are ours: users cannot write them.
        if !name.starts_with('@') && !self.is_bound(&name) {
            if name.starts_with('.') {
                return Err(self.error(id, "names have no leading dot"));
            }
            vocabulary::root(&name).map_err(|message| self.error(id, message))?;
            self.reads_field(&name, None);
        }
        Ok(build::ident(id, name))
    }

    /// Notes that `field` of `root` is read, or any of them.
    fn reads_field(&mut self, root: &str, field: Option<&str>) {
        let body = field.is_none_or(|field| field == "body");
        match root {
            "request" => self.reads.request_body |= body,
            "response" => {
                self.reads.response = true;
                self.reads.response_body |= body;
            }
            _ => {}
        }
    }

    /// Checks `root.field` and notes it.
    fn check_field(&mut self, id: u64, root: &str, field: &str) -> Result<(), CompileError> {
        if let Ok(Some(fields)) = vocabulary::root(root) {
            let found = vocabulary::field(root, fields, field);
            found.map_err(|message| self.error(id, message))?;
        }
        self.reads_field(root, Some(field));
        Ok(())
    }

    fn select(&mut self, id: u64, select: SelectExpr) -> Checked {
        let SelectExpr { operand, field, test } = select;
        let innermost = root_of(&operand).filter(|name| self.root(&build::ident(id, *name)).is_some());
        let innermost = innermost.map(str::to_owned);
        let operand = match self.root(&operand).map(str::to_owned) {
            Some(root) => {
                self.check_field(id, &root, &field)?;
                *operand
            }
            None => self.node(*operand)?,
        };
        if !test {
            return Ok(build::field(id, operand, field));
        }
        let operand = Box::new(operand);
        let select = build::node(id, Expr::Select(SelectExpr { operand, field, test }));
        // Absent parts of the input have no fields; CEL would call that an error.
        Ok(match innermost {
            Some(root) => {
                let present = build::ident(id, format!("@has.{root}"));
                build::choose(id, present, select, build::boolean(id, false))
            }
            None => select,
        })
    }

    fn comprehension(&mut self, id: u64, mut inner: ComprehensionExpr) -> Checked {
        self.comprehensions += 1;
        if self.comprehensions > COMPREHENSIONS {
            let message = format!("more than {COMPREHENSIONS} nested comprehensions");
            return Err(self.error(id, message));
        }
        // What a comprehension goes over is evaluated once, outside of it.
        self.comprehensions -= 1;
        inner.iter_range = self.node(inner.iter_range)?;
        self.comprehensions += 1;
        inner.accu_init = self.node(inner.accu_init)?;
        let outer = self.bound.len();
        self.bound.extend([inner.iter_var.clone(), inner.accu_var.clone()]);
        inner.loop_cond = self.node(inner.loop_cond)?;
        inner.loop_step = self.node(inner.loop_step)?;
        inner.result = self.node(inner.result)?;
        self.bound.truncate(outer);
        self.comprehensions -= 1;
        self.count(id, 3)?;
        Ok(build::metered(id, inner))
    }

    fn call(&mut self, id: u64, call: CallExpr) -> Checked {
        let CallExpr { func_name, target, mut args } = call;
        let Some(target) = target else {
            return if is_operator(&func_name) {
                self.operator(id, &func_name, args)
            } else {
                self.function(id, &func_name, args)
            };
        };
        if let Expr::Ident(namespace) = &target.expr
            && matches!(namespace.as_str(), "base64" | "math" | "optional" | "strings" | "url")
            && !self.is_bound(namespace)
        {
            return self.function(id, &format!("{namespace}.{func_name}"), args);
        }
        let known = vocabulary::call(&func_name, Call::Method, args.len());
        known.map_err(|message| self.error(id, message))?;
        match func_name.as_str() {
            // Methods that are functions of the value they are called on.
            "filterKeys" | "json" | "mapValues" | "matches" | "merge" | "regexReplace"
            | "stripPrefix" | "stripSuffix" | "toJson" | "to_json" | "unredacted" | "with" => {
                args.insert(0, *target);
                self.function(id, &func_name, args)
            }
            "join" | "replace" => {
                args.insert(0, *target);
                let args = self.nodes(args)?;
                Ok(build::call(id, &format!("@{func_name}"), args))
            }
            "format" => {
                if !is_simple_format(&target) {
                    let message = "`format` takes a literal without widths over two digits";
                    return Err(self.error(id, message));
                }
                self.method(id, func_name, *target, args)
            }
            _ => self.method(id, func_name, *target, args),
        }
    }

    fn method(&mut self, id: u64, name: String, target: IdedExpr, args: Vec<IdedExpr>) -> Checked {
        let target = Some(Box::new(self.node(target)?));
        let args = self.nodes(args)?;
        Ok(build::node(id, Expr::Call(CallExpr { func_name: name, target, args })))
    }

    fn operator(&mut self, id: u64, name: &str, mut args: Vec<IdedExpr>) -> Checked {
        if matches!(name, operators::INDEX | operators::OPT_INDEX | operators::OPT_SELECT)
            && let [value, key] = args.as_slice()
            && let Some(root) = self.root(value).map(str::to_owned)
        {
            match &key.expr {
                Expr::Literal(LiteralValue::String(field)) => {
                    self.check_field(id, &root, field.inner())?;
                }
                _ => self.reads_field(&root, None),
            }
            let key = args.pop().map(|key| self.node(key)).transpose()?;
            args.extend(key);
            return Ok(build::call(id, name, args));
        }
        let args = self.nodes(args)?;
        let equality = matches!(name, operators::EQUALS | operators::NOT_EQUALS);
        if equality && args.first().is_some_and(may_be_own_container) {
            let equal = build::call(id, "@equal", args);
            return Ok(if name == operators::EQUALS {
                equal
            } else {
                build::call(id, operators::LOGICAL_NOT, vec![equal])
            });
        }
        Ok(build::call(id, name, args))
    }

    fn function(&mut self, id: u64, name: &str, mut args: Vec<IdedExpr>) -> Checked {
        let known = vocabulary::call(name, Call::Function, args.len());
        known.map_err(|message| self.error(id, message))?;
        match name {
            "now" | "random" | "uuid" => Ok(build::ident(id, format!("@{name}"))),
            "flatten" | "flattenRecursive" => {
                let message = format!("`{name}` spreads fields: it must be the whole expression");
                Err(self.error(id, message))
            }
            "json" if self.body_of(&args).is_some() => {
                let root = self.body_of(&args).unwrap_or("request").to_owned();
                self.reads_field(&root, Some("body"));
                Ok(build::ident(id, format!("@{root}.json")))
            }
            "default" => self.or_else(id, "@failed", args),
            "coalesce" => self.or_else(id, "@null", args),
            "with" | "mapValues" | "filterKeys" => self.binding(id, name, args),
            "matches" | "regexReplace" => {
                let pattern = std::mem::take(&mut args[1]);
                args[1] = self.pattern(pattern)?;
                let args = self.nodes(args)?;
                Ok(build::call(id, &format!("@{name}"), args))
            }
            _ => {
                let name = match name {
                    "base64Encode" => "base64.encode",
                    "base64Decode" => "base64.decode",
                    "mergeMaps" => "merge",
                    name => name,
                };
                let args = self.nodes(args)?;
                Ok(build::call(id, name, args))
            }
        }
    }

    /// The root variable whose body is the only one of `args`.
    fn body_of<'n>(&self, args: &'n [IdedExpr]) -> Option<&'n str> {
        let [IdedExpr { expr: Expr::Select(select), .. }] = args else {
            return None;
        };
        let root = self.root(&select.operand)?;
        let body = select.field == "body" && !select.test;
        (body && matches!(root, "request" | "response")).then_some(root)
    }

    /// The first of `args` that has a value, as `test` sees it; the last one whatever it has.
    fn or_else(&mut self, id: u64, test: &str, args: Vec<IdedExpr>) -> Checked {
        self.depth += 3;
        let mut choice: Option<IdedExpr> = None;
        for arg in args.into_iter().rev() {
            let before = self.nodes;
            let arg = self.node(arg)?;
            choice = Some(match choice {
                None => arg,
                Some(rest) => {
                    // The argument is tested and then evaluated again.
                    self.count(id, self.nodes - before + 3)?;
                    build::or_else(id, test, arg, rest)
                }
            });
            self.depth += 1;
            if self.depth > TREE_DEPTH {
                return Err(self.error(id, "the expression is nested too deeply"));
            }
        }
        Ok(choice.unwrap_or_default())
    }

    /// The functions that bind a variable: `value`, the variable, what is computed with it.
    fn binding(&mut self, id: u64, name: &str, args: Vec<IdedExpr>) -> Checked {
        let Ok([value, variable, body]) = <[IdedExpr; 3]>::try_from(args) else {
            return Err(self.error(id, "wrong number of arguments"));
        };
        let Expr::Ident(variable) = variable.expr else {
            let message = format!("the first argument of `{name}` must be the name of a variable");
            return Err(self.error(variable.id, message));
        };
        let loops = usize::from(name != "with");
        let value = self.node(value)?;
        self.comprehensions += loops;
        if self.comprehensions > COMPREHENSIONS {
            let message = format!("more than {COMPREHENSIONS} nested comprehensions");
            return Err(self.error(id, message));
        }
        self.count(id, 16)?;
        self.bound.push(variable);
        self.depth += 6 * loops;
        let body = self.node(body)?;
        self.depth -= 6 * loops;
        let variable = self.bound.pop().unwrap_or_default();
        self.comprehensions -= loops;
        Ok(match name {
            "mapValues" => build::map_values(id, value, &variable, body),
            "filterKeys" => build::filter_keys(id, value, &variable, body),
            _ => build::bind(id, &variable, value, body),
        })
    }

    /// A regular expression: compiled now if it is a literal.
    fn pattern(&mut self, node: IdedExpr) -> Checked {
        let Expr::Literal(LiteralValue::String(pattern)) = &node.expr else {
            return Ok(node);
        };
        let compiled = compile_regex(pattern.inner()).map_err(|error| {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
            self.error(node.id, format!("not a regular expression: {reason}"))
        })?;
        self.patterns.push(compiled);
        Ok(build::ident(node.id, format!("@regex.{}", self.patterns.len() - 1)))
    }
}

/// The variable that a chain of fields and indexes starts with.
fn root_of(node: &IdedExpr) -> Option<&str> {
    let mut node = node;
    loop {
        node = match &node.expr {
            Expr::Ident(name) => return Some(name),
            Expr::Select(select) => &select.operand,
            Expr::Call(call) if call.func_name == operators::INDEX => call.args.first()?,
            _ => return None,
        };
    }
}

/// Operators and what macros write: names no user can write.
fn is_operator(name: &str) -> bool {
    name.starts_with('@') || name.contains(|c: char| c == '_' && name.len() > 2) && !is_name(name)
        || matches!(name, operators::LOGICAL_NOT | operators::NEGATE)
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// Whether `node` may be a list or map of the evaluator's own, which equals no lazy JSON.
fn may_be_own_container(node: &IdedExpr) -> bool {
    match &node.expr {
        Expr::List(_) | Expr::Map(_) | Expr::Comprehension(_) => true,
        Expr::Call(call) => match call.func_name.as_str() {
            operators::CONDITIONAL | operators::ADD => true,
            "@fromEntries" | "merge" | "split" | "json" | "max" | "min" => true,
            _ => false,
        },
        _ => false,
    }
}

/// Whether `node` is a format string that cannot ask for very long output.
fn is_simple_format(node: &IdedExpr) -> bool {
    let Expr::Literal(LiteralValue::String(format)) = &node.expr else {
        return false;
    };
    let text = format.inner();
    !text.as_bytes().windows(3).any(|digits| digits.iter().all(u8::is_ascii_digit))
}

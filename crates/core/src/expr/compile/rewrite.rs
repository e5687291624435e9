//! One walk over the parsed tree that checks its names and bounds, notes what it reads, and writes
//! our functions in terms the evaluator has.

use cel::IdedExpr;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, SelectExpr, SourceInfo, operators,
};

use super::build;
use super::{Flatten, Reads};
use crate::expr::error::CompileError;
use crate::expr::functions::Pattern;
use crate::expr::limits::{COMPREHENSIONS, NODES, TREE_DEPTH};
use crate::expr::sugar::Desugared;
use crate::expr::vocabulary;

mod call;

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
        Expr::Call(CallExpr {
            func_name,
            target: None,
            mut args,
        }) if args.len() == 1 => {
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
        let start = self
            .info
            .offset_for(id)
            .map_or(0, |(start, _)| start as usize);
        self.text.error_at(start, message)
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
        let SelectExpr {
            operand,
            field,
            test,
        } = select;
        let innermost =
            root_of(&operand).filter(|name| self.root(&build::ident(id, *name)).is_some());
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
        let select = build::node(
            id,
            Expr::Select(SelectExpr {
                operand,
                field,
                test,
            }),
        );
        // Absent parts of the input have no fields; CEL would call that an error.
        Ok(match innermost {
            Some(root) => {
                let present = build::ident(id, format!("@has.{root}"));
                build::choose(id, present, select, build::boolean(id, false))
            }
            None => select,
        })
    }

    fn enter_loops(&mut self, id: u64, loops: usize) -> Result<(), CompileError> {
        self.comprehensions += loops;
        if self.comprehensions > COMPREHENSIONS {
            let message = format!("more than {COMPREHENSIONS} nested comprehensions");
            return Err(self.error(id, message));
        }
        Ok(())
    }

    fn comprehension(&mut self, id: u64, mut inner: ComprehensionExpr) -> Checked {
        // What a comprehension goes over is evaluated once, outside of it.
        inner.iter_range = self.node(inner.iter_range)?;
        self.enter_loops(id, 1)?;
        inner.accu_init = self.node(inner.accu_init)?;
        let outer = self.bound.len();
        self.bound
            .extend([inner.iter_var.clone(), inner.accu_var.clone()]);
        inner.loop_cond = self.node(inner.loop_cond)?;
        inner.loop_step = self.node(inner.loop_step)?;
        inner.result = self.node(inner.result)?;
        self.bound.truncate(outer);
        self.comprehensions -= 1;
        self.count(id, 3)?;
        Ok(build::metered(id, inner))
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

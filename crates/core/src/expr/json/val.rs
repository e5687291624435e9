//! How the evaluator sees a [`Json`]: as a map or a list.

use cel::ExecutionError;
use cel::common::traits::{Adder, Container, Indexer, Iterable, Iterator, Sizer};
use cel::common::types::{
    CelDouble, CelInt, CelList, CelString, CelUInt, LIST_TYPE, MAP_TYPE, Type,
};
use cel::common::value::{CowVal, StaticVal, Val};

use super::{Boxed, Json, equal, not_json};
use crate::expr::limits::ENTRIES;

/// The index that asks a [`Json`] for its own text, which is how functions tell it from other maps
/// and lists: values that borrow cannot be downcast.
#[derive(Debug)]
pub(in crate::expr) struct OwnText;

/// The index that asks a [`Json`] object for a list of its entries, as `[key, value]` lists.
#[derive(Debug)]
pub(in crate::expr) struct OwnEntries;

macro_rules! private_index {
    ($name:ident) => {
        impl Val for $name {
            fn get_type(&self) -> &Type {
                Self::cel_type()
            }
            fn cel_type() -> &'static Type {
                &cel::common::types::DYN_TYPE
            }
            fn clone_as_boxed<'v>(&self) -> Boxed<'v> {
                Box::new($name)
            }
            fn as_any(&self) -> Option<&dyn std::any::Any> {
                Some(self)
            }
        }
        impl StaticVal for $name {}
    };
}
private_index!(OwnText);
private_index!(OwnEntries);

impl<'v> Json<'v> {
    fn index(&self, index: &dyn Val) -> Result<Boxed<'v>, ExecutionError> {
        if index.downcast_ref::<OwnText>().is_some() {
            return self
                .own_text()
                .map(|text| Box::new(CelString::from(text)) as Boxed<'v>)
                .map_err(|_| not_json());
        }
        if index.downcast_ref::<OwnEntries>().is_some() {
            let pair = |(key, value)| -> Boxed<'v> {
                let key: Boxed<'v> = Box::new(CelString::from(key));
                Box::new(CelList::from(vec![key, value]))
            };
            let all = self.all().map_err(|_| not_json())?;
            let pairs: Vec<Boxed<'v>> = all.into_iter().map(pair).collect();
            return Ok(Box::new(CelList::from(pairs)));
        }
        if self.is_object() {
            let key = index
                .downcast_ref::<CelString<'_>>()
                .ok_or_else(|| wrong(index, "string"))?;
            let found = self.field(key.inner()).map_err(|_| not_json())?;
            return found.ok_or_else(|| ExecutionError::no_such_key(key.inner()));
        }
        let position = position(index)?;
        let absent = || ExecutionError::IndexOutOfBounds(cel::Value::Null);
        let position = usize::try_from(position).map_err(|_| absent())?;
        self.element(position)
            .map_err(|_| not_json())?
            .ok_or_else(absent)
    }
}

fn wrong(index: &dyn Val, want: &str) -> ExecutionError {
    ExecutionError::UnexpectedType {
        got: index.get_type().name().to_owned(),
        want: want.to_owned(),
    }
}

/// A list index: `int`, `uint` or a whole `double`, as in CEL's own lists.
fn position(index: &dyn Val) -> Result<i64, ExecutionError> {
    if let Some(int) = index.downcast_ref::<CelInt>() {
        return Ok(*int.inner());
    }
    if let Some(uint) = index.downcast_ref::<CelUInt>() {
        return Ok(i64::try_from(*uint.inner()).unwrap_or(-1));
    }
    if let Some(double) = index.downcast_ref::<CelDouble>() {
        let double = *double.inner();
        if double.fract() == 0.0 && (0.0..ENTRIES as f64 * 1e6).contains(&double) {
            return Ok(double as i64);
        }
    }
    Err(wrong(index, "int"))
}

impl<'a> Val for Json<'a> {
    fn get_type(&self) -> &Type {
        if self.is_object() {
            &MAP_TYPE
        } else {
            &LIST_TYPE
        }
    }

    fn cel_type() -> &'static Type {
        &MAP_TYPE
    }

    fn as_adder<'b, 'v>(&'b self) -> Option<&'b (dyn Adder + 'v)>
    where
        Self: 'v,
    {
        if self.is_object() { None } else { Some(self) }
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_iterable<'b, 'v>(&'b self) -> Option<&'b (dyn Iterable + 'v)>
    where
        Self: 'v,
    {
        self.items()?;
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        self.items()?;
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        equal(self, other, 0)
    }

    fn clone_as_boxed<'v>(&self) -> Boxed<'v>
    where
        Self: 'v,
    {
        Box::new(Json::new(self.node))
    }
}

impl Sizer for Json<'_> {
    fn size(&self) -> CelInt {
        let items = self.items().map_or(0, <[_]>::len);
        CelInt::from(i64::try_from(items).unwrap_or(i64::MAX))
    }
}

impl Container for Json<'_> {
    fn contains(&self, value: &dyn Val) -> Result<bool, ExecutionError> {
        if self.is_object() {
            let key = value
                .downcast_ref::<CelString<'_>>()
                .ok_or_else(|| wrong(value, "string"))?;
            return self
                .field(key.inner())
                .map(|found| found.is_some())
                .map_err(|_| not_json());
        }
        let items = self.items().ok_or_else(not_json)?;
        Ok(items.iter().any(|item| equal(item.as_ref(), value, 0)))
    }
}

impl Indexer for Json<'_> {
    fn get<'b, 'v>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.index(index)
            .map(|value| CowVal::Owned(value as Box<dyn Val + 'v>))
    }

    fn steal<'v>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.index(index).map(|value| value as Box<dyn Val + 'v>)
    }
}

impl Iterable for Json<'_> {
    fn iter<'b, 'v>(&'b self) -> Box<dyn Iterator<'b, 'v> + 'b>
    where
        Self: 'v,
    {
        Box::new(Items(self.items().unwrap_or_default().iter()))
    }
}

impl Adder for Json<'_> {
    fn add<'b, 'v>(&'b self, rhs: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let own = self.items().ok_or_else(not_json)?;
        let mut more = rhs.as_iterable().ok_or_else(|| wrong(rhs, "list"))?.iter();
        let mut sum: Vec<Boxed<'v>> = own.iter().map(|item| item.clone_as_boxed()).collect();
        while let Some(item) = more.next() {
            sum.push(item.clone_as_boxed());
        }
        Ok(CowVal::owned(CelList::from(sum)))
    }
}

/// Lends out the items of a slice.
pub(in crate::expr) struct Items<'b, 'a>(pub(in crate::expr) std::slice::Iter<'b, Boxed<'a>>);

impl<'b, 'a: 'v, 'v> Iterator<'b, 'v> for Items<'b, 'a> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'v)> {
        self.0
            .next()
            .map(|item| item.as_ref() as &'b (dyn Val + 'v))
    }
}

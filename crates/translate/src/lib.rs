//! agw-translate

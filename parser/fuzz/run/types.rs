//! Types and their values: `<type> NUL <value>`, the type as a class name or as CQL writes it.

use std::sync::Arc;

use cassandra_commitlog::types::{
    ClassName, CqlType, Dialect, NativeType, UserType, UserTypeField, UserTypeLookup,
    counter::CounterContext, decode, murmur3_token, partition_key, validate, write_cql_literal, write_json,
};

/// One user-defined type whatever the name, but for names that begin with `no`.
struct OneUserType;

impl UserTypeLookup for OneUserType {
    fn user_type(&self, keyspace: &str, name: &str) -> Option<Arc<UserType>> {
        let field = |name: &str, ty| UserTypeField { name: name.into(), ty };
        (!name.starts_with("no")).then(|| {
            Arc::new(UserType {
                keyspace: keyspace.into(),
                name: name.into(),
                fields: [
                    field("a", CqlType::Native(NativeType::Int)),
                    field("b", CqlType::Native(NativeType::Text)),
                ]
                .into(),
            })
        })
    }
}

/// Reads a type and a value of it, and writes the value in every form.
pub fn run(input: &[u8]) {
    let end = input.iter().position(|&byte| byte == 0).unwrap_or(input.len());
    let (text, value) = input.split_at(end);
    let value = value.get(1..).unwrap_or_default();
    if let Ok(text) = std::str::from_utf8(text) {
        if let Ok((ty, _)) = CqlType::parse_class(text) {
            // A type's own text is the same type again.
            let class = ClassName(&ty).to_string();
            let (again, _) = CqlType::parse_class(&class).expect("a class name that was written by us");
            assert_eq!(ClassName(&again).to_string(), class);
            of_type(&ty, value);
        }
        if let Ok(ty) = CqlType::parse(text, "ks", &OneUserType) {
            of_type(&ty, value);
        }
    }
    if let Ok(counter) = CounterContext::parse(value) {
        assert!(counter.shards().count() <= value.len());
        let _ = counter.total();
    }
    for columns in 1..4 {
        assert!(partition_key::components(value, columns).count() <= columns);
    }
    let _ = murmur3_token(value);
}

fn of_type(ty: &CqlType, value: &[u8]) {
    let _ = (ty.is_multi_cell(), ty.fixed_length());
    assert_eq!(decode(ty, value).map(drop), validate(ty, value));
    let mut out = String::new();
    for dialect in [Dialect::Cassandra3, Dialect::Cassandra4, Dialect::Cassandra5, Dialect::Ringtap] {
        out.clear();
        let json = write_json(ty, value, dialect, &mut out);
        assert!(json.is_err() || decode(ty, value).is_ok(), "{json:?}: {out}");
        out.clear();
        let _ = write_cql_literal(ty, value, dialect, &mut out);
    }
}

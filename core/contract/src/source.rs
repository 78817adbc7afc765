//! Reads the public types out of Rust's source.

use syn::{Attribute, Expr, FnArg, Item, Lit, Meta, Pat, Type, Visibility};

use crate::model::{Enum, Field, Kind, Struct, Variant};

/// The types of one file, as they stand there: what a field's type is, is said by its name alone.
#[derive(Default)]
pub struct Source {
    /// Public structs with named fields.
    pub structs: Vec<Struct>,
    /// Public enums.
    pub enums: Vec<Enum>,
    /// The setters of `ClientBuilder`: each is an option.
    pub options: Vec<Field>,
}

impl Source {
    /// Adds what this file says.
    ///
    /// # Errors
    ///
    /// Where it is not Rust, or a type is of no kind that the contract knows.
    pub fn read(&mut self, text: &str) -> Result<(), String> {
        let file = syn::parse_file(text).map_err(|error| error.to_string())?;
        for item in &file.items {
            match item {
                Item::Struct(item) if is_public(&item.vis) => {
                    let fields = fields(&item.fields, false)?;
                    if !fields.is_empty() {
                        self.structs.push(Struct {
                            name: item.ident.to_string(),
                            docs: docs(&item.attrs),
                            fields,
                        });
                    }
                }
                Item::Enum(item) if is_public(&item.vis) => {
                    let variants = item.variants.iter().map(variant).collect::<Result<Vec<_>, _>>()?;
                    self.enums.push(Enum {
                        name: item.ident.to_string(),
                        docs: docs(&item.attrs),
                        is_plain: variants
                            .iter()
                            .all(|variant| variant.fields.is_empty() && variant.value.is_none()),
                        is_open: item
                            .attrs
                            .iter()
                            .any(|attribute| attribute.path().is_ident("non_exhaustive")),
                        variants,
                    });
                }
                Item::Impl(item) if named(&item.self_ty).as_deref() == Some("ClientBuilder") => {
                    for item in &item.items {
                        if let syn::ImplItem::Fn(method) = item
                            && is_public(&method.vis)
                            && !is_hidden(&method.attrs)
                            && let Some(option) = option(method)?
                        {
                            self.options.push(option);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn variant(variant: &syn::Variant) -> Result<Variant, String> {
    let value = match &variant.fields {
        syn::Fields::Unnamed(fields) => fields.unnamed.first().map(|field| kind(&field.ty)).transpose()?,
        _ => None,
    };
    Ok(Variant {
        name: variant.ident.to_string(),
        docs: docs(&variant.attrs),
        fields: if value.is_none() { fields(&variant.fields, true)? } else { Vec::new() },
        value,
        flat: Vec::new(),
    })
}

fn fields(fields: &syn::Fields, of_variant: bool) -> Result<Vec<Field>, String> {
    fields
        .iter()
        .filter(|field| !is_hidden(&field.attrs) && (of_variant || is_public(&field.vis)))
        .filter_map(|field| Some((field.ident.as_ref()?, field)))
        .map(|(name, field)| Field::new(name.to_string(), docs(&field.attrs), kind(&field.ty)?))
        .collect()
}

/// `pub fn max_live(mut self, visitors: usize) -> Self` is the option `max_live`, a number.
fn option(method: &syn::ImplItemFn) -> Result<Option<Field>, String> {
    let mut inputs = method.sig.inputs.iter();
    let returns_self = matches!(&method.sig.output,
        syn::ReturnType::Type(_, output) if named(output).as_deref() == Some("Self"));
    let takes_self = matches!(inputs.next(), Some(FnArg::Receiver(receiver)) if receiver.reference.is_none());
    if !returns_self || !takes_self {
        return Ok(None);
    }
    let kind = match inputs.next() {
        None => Kind::plain("switch"),
        Some(FnArg::Typed(argument)) if matches!(*argument.pat, Pat::Ident(_)) => kind(&argument.ty)?,
        Some(_) => return Err(format!("`{}` takes what no option takes", method.sig.ident)),
    };
    Field::new(method.sig.ident.to_string(), docs(&method.attrs), kind).map(Some)
}

/// What a type is for the contract.
fn kind(ty: &Type) -> Result<Kind, String> {
    if let Type::ImplTrait(bound) = ty {
        let bound = bound.bounds.iter().find_map(|bound| match bound {
            syn::TypeParamBound::Trait(bound) => bound.path.segments.last(),
            _ => None,
        });
        let bound = bound.ok_or("an option that takes a type without a trait")?;
        return match bound.ident.to_string().as_str() {
            "IntoIterator" => item(bound).map_or_else(
                || Err("`impl IntoIterator` of what?".to_owned()),
                |of| Ok(Kind { list: true, ..kind(of)? }),
            ),
            "Into" => inner(bound).map_or_else(|| Err("`impl Into` of what?".to_owned()), kind),
            "Store" => Ok(Kind::plain("store")),
            "Fn" => Ok(Kind::plain("callback")),
            other => Err(format!("no option takes an `impl {other}`")),
        };
    }
    let Type::Path(path) = ty else { return Err("a type that is no path".to_owned()) };
    let last = path.path.segments.last().ok_or("a type without a name")?;
    Ok(match last.ident.to_string().as_str() {
        "Option" => {
            Kind { optional: true, ..inner(last).map_or_else(|| Err("an option of what?".into()), kind)? }
        }
        "Vec" => Kind { list: true, ..inner(last).map_or_else(|| Err("a list of what?".into()), kind)? },
        "Box" | "Arc" => {
            Kind { boxed: true, ..inner(last).map_or_else(|| Err("a box of what?".into()), kind)? }
        }
        "bool" => Kind::plain("bool"),
        number @ ("usize" | "u64" | "u32" | "u16") => Kind { of: number.to_owned(), ..Kind::plain("count") },
        "Duration" => Kind::plain("duration"),
        "SystemTime" => Kind::plain("time"),
        "Instant" => Kind::plain("instant"),
        "Text" => Kind::plain("text"),
        "String" | "str" => Kind::plain("string"),
        "BaseUrl" => Kind { of: "BaseUrl".to_owned(), ..Kind::plain("string") },
        "PathBuf" => Kind::plain("path"),
        "Json" => Kind::plain("json"),
        "Raw" => Kind::plain("raw"),
        "Error" => Kind::plain("error"),
        id @ ("MessageId" | "SessionId" | "SeqId" | "VisitorId") => {
            Kind { of: id.to_owned(), ..Kind::plain("id") }
        }
        // An enum or a struct: `Contract` knows which.
        other => Kind { of: other.to_owned(), ..Kind::plain("named") },
    })
}

fn inner(segment: &syn::PathSegment) -> Option<&Type> {
    let syn::PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        syn::GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// What an iterator gives.
fn item(segment: &syn::PathSegment) -> Option<&Type> {
    let syn::PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        syn::GenericArgument::AssocType(of) if of.ident == "Item" => Some(&of.ty),
        _ => None,
    })
}

fn named(ty: &Type) -> Option<String> {
    let Type::Path(path) = ty else { return None };
    Some(path.path.segments.last()?.ident.to_string())
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        matches!(&attribute.meta, Meta::List(list)
            if list.path.is_ident("doc") && list.tokens.to_string() == "hidden")
    })
}

/// The documentation, a line each as it stands.
fn docs(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(line) => Some(line.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}

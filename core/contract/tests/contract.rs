//! The files in the tree are what the Rust types say.

use secondme_avatar_contract::render;

#[test]
fn every_generated_file_is_what_its_template_gives() {
    let root = render::root();
    let files = render::files(&root).unwrap();
    assert!(!files.is_empty());
    let stale: Vec<_> = files.iter().filter(|file| file.is_stale(&root)).map(|file| &file.path).collect();
    assert!(stale.is_empty(), "{stale:?} are not what the Rust types say: run `make contract`");
}

#[test]
fn the_contract_knows_every_type_that_it_is_made_of() {
    let contract = render::contract(&render::root()).unwrap();
    let fields = contract.events.iter().flat_map(|event| &event.fields).chain(&contract.options);
    let fields = fields.chain(&contract.stats).chain(contract.values.iter().flat_map(|value| &value.fields));
    let undocumented: Vec<_> =
        fields.filter(|field| field.docs.is_empty()).map(|field| &field.snake).collect();
    assert!(undocumented.is_empty(), "{undocumented:?} have no documentation");
    assert!(contract.events.len() >= 17 && contract.errors.len() >= 16 && contract.options.len() >= 20);
    assert!(contract.stats.len() >= 20);
}

#[test]
fn errors_name_options_that_there_are() {
    let contract = render::contract(&render::root()).unwrap();
    for name in secondme_avatar_protocol::OptionName::ALL {
        let is_one = contract.options.iter().any(|option| option.snake == name.as_str());
        assert!(is_one, "there is no option `{}`", name.as_str());
    }
}

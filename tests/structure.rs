//! Imports inside a manager go one way: listenhandler, handlers, dbhandler, models. Nothing points back up, and no two
//! modules of one floor need each other.

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        fs,
        path::{Path, PathBuf},
    };

    use rstest::rstest;
    use tandem::managers;

    /// Modules that are not named after their floor.
    const OTHERS: &[(&str, u8)] = &[
        ("lib", WIRING),
        ("main", WIRING),
        // Only for tests, fuzzing and measuring.
        ("hostile", WIRING),
        ("measure", WIRING),
        // Only for the command line.
        ("simulate", WIRING),
        ("app", RULES),
        ("carriers", ROWS),
        ("keyuses", RULES),
        ("privacy", RULES),
        ("goodbyes", RULES),
        ("room", RULES),
        ("standing", RULES),
        ("turns", RULES),
        ("refusing", RULES),
        ("tenancy", RULES),
        ("watch", GROUND),
        ("viewer", RULES),
        ("choice", ROWS),
        // There it is pure, and what entities are made of.
        ("bin-call-manager/choice", GROUND),
        ("area", GROUND),
        ("pace", GROUND),
        ("booking", GROUND),
        ("compliance", GROUND),
        ("conflicts", GROUND),
        ("figures", GROUND),
        ("modelserver", GROUND),
        ("phone", GROUND),
        ("queues", GROUND),
        ("settings", GROUND),
        ("words", GROUND),
    ];
    const WIRING: u8 = 5;
    const REQUESTS: u8 = 4;
    const RULES: u8 = 3;
    const ROWS: u8 = 2;
    const MODELS: u8 = 1;
    const GROUND: u8 = 0;
    /// What the root of a manager's crate may lend: its name.
    const LENT: &str = "NAME";

    /// The floor of a module of the crate's root; none where nobody has said.
    fn floor(source: &Path, module: &str) -> Option<u8> {
        match module {
            "listenhandler" => Some(REQUESTS),
            "dbhandler" => Some(ROWS),
            "models" => Some(MODELS),
            _ if module.ends_with("handler") => Some(RULES),
            _ => {
                let folder = source.parent().and_then(Path::file_name);
                let own = folder.map(|it| format!("{}/{module}", it.display()));
                let named = |wanted: &str| OTHERS.iter().find(|(name, _)| *name == wanted);
                let found = own.as_deref().and_then(named).or_else(|| named(module));
                found.map(|(_, at)| *at)
            }
        }
    }

    /// One import: where it stands, and what it is of.
    #[derive(Debug, PartialEq, Eq)]
    struct Import {
        line: usize,
        module: String,
    }

    /// The modules of the crate's root that a file names, by `crate::` or by as many `super::` as lead there. What
    /// stands in its tests does not count.
    fn imports(text: &str, depth: usize) -> Vec<Import> {
        let text: String = text
            .lines()
            .take_while(|line| !line.starts_with("mod tests {"))
            .map(|line| format!("{}\n", line.split("//").next().unwrap_or_default()))
            .collect();
        let mut found = Vec::new();
        for root in ["crate::".to_owned(), "super::".repeat(depth)] {
            for (at, _) in text.match_indices(&root) {
                let before = text[..at].chars().next_back();
                if before.is_some_and(|c| c.is_alphanumeric() || "_:$".contains(c)) {
                    continue;
                }
                let line = text[..at].matches('\n').count();
                found.extend(heads(&text[at + root.len()..], line));
            }
        }
        found.retain(|import| import.module != "super");
        found
    }

    /// The first names of what follows a path's root: one, or those between its braces.
    fn heads(rest: &str, line: usize) -> Vec<Import> {
        let name = |text: &str| -> String {
            let is_name = |c: &char| c.is_alphanumeric() || *c == '_';
            text.trim_start().chars().take_while(is_name).collect()
        };
        let Some(inside) = rest.strip_prefix('{') else {
            let (line, module) = (line + 1, name(rest));
            return vec![Import { line, module }];
        };
        let (mut depth, mut start, mut found) = (1, 0, Vec::new());
        for (at, c) in inside.char_indices() {
            depth += match c {
                '{' => 1,
                '}' => -1,
                _ => 0,
            };
            if depth == 0 || (depth == 1 && c == ',') {
                let item = &inside[start..at];
                let blank = item.len() - item.trim_start().len();
                let line = line + 1 + inside[..start + blank].matches('\n').count();
                let module = name(item);
                if !module.is_empty() {
                    found.push(Import { line, module });
                }
                start = at + 1;
            }
            if depth == 0 {
                break;
            }
        }
        found
    }

    /// Every file of a manager with its module and how deep it stands in the crate.
    fn files(folder: &Path, under: &[String], found: &mut Vec<(PathBuf, String, usize)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let mut at = under.to_vec();
            if path.is_dir() {
                at.push(name);
                files(&path, &at, found);
            } else if path.extension().is_some_and(|it| it == "rs") {
                if name != "mod" {
                    at.push(name.clone());
                }
                // Modules for tests alone.
                if name != "simulation" && name != "tests" {
                    found.push((path, at[0].clone(), at.len()));
                }
            }
        }
    }

    /// What is wrong with the imports of a manager, and which modules of one floor need which.
    fn faults(source: &Path) -> Vec<String> {
        let (mut all, mut faults) = (Vec::new(), Vec::new());
        let mut beside: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        files(source, &[], &mut all);
        for (path, module, depth) in all {
            let Some(from) = floor(source, &module) else {
                faults.push(format!("{}: on which floor is {module}?", path.display()));
                continue;
            };
            for import in imports(&fs::read_to_string(&path).unwrap(), depth) {
                let place = format!("{}:{}", path.display(), import.line);
                if import.module == LENT || import.module == module || from == WIRING {
                    continue;
                }
                match floor(source, &import.module) {
                    None => faults.push(format!("{place}: on which floor is {}?", import.module)),
                    Some(to) if to > from => {
                        faults.push(format!("{place}: {module} points up to {}", import.module));
                    }
                    Some(to) if to == from => {
                        beside
                            .entry(module.clone())
                            .or_default()
                            .insert(import.module);
                    }
                    Some(_) => {}
                }
            }
        }
        faults.extend(circles(&beside));
        faults
    }

    /// Modules from which a way leads back to themselves.
    fn circles(needs: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
        let reaches_itself = |start: &String| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![start]);
            while let Some(next) = open.pop() {
                for needed in needs.get(next).into_iter().flatten() {
                    if needed == start {
                        return true;
                    }
                    if seen.insert(needed) {
                        open.push(needed);
                    }
                }
            }
            false
        };
        let circular = needs.keys().filter(|module| reaches_itself(module));
        circular
            .map(|module| format!("{module} needs itself: {:?}", needs[module]))
            .collect()
    }

    /// The sources of every manager, and of those that docs/new-manager.md shows: these are copied.
    fn sources() -> Vec<PathBuf> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let ours = managers::ALL.iter();
        let mut found: Vec<PathBuf> = ours
            .map(|manager| root.join(manager.crate_name.replace('_', "-")))
            .collect();
        for entry in fs::read_dir(root.join("docs")).unwrap() {
            let path = entry.unwrap().path();
            if path.to_string_lossy().ends_with("-manager") {
                found.push(path);
            }
        }
        found.iter().map(|folder| folder.join("src")).collect()
    }

    #[test]
    fn the_examples_of_managers_are_looked_at() {
        let sources = sources();
        for name in ["notes-manager", "tags-manager"] {
            let example = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("docs")
                .join(name);
            assert!(sources.contains(&example.join("src")), "{name}");
        }
    }

    #[test]
    fn in_every_manager_imports_go_down() {
        for source in sources() {
            let faults = faults(&source);
            assert!(faults.is_empty(), "{}", faults.join("\n"));
        }
    }

    /// A daemon that no file starts is forgotten by whoever starts them all.
    #[test]
    fn every_daemon_has_its_container_with_what_all_need() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/compose.yaml");
        let text = fs::read_to_string(path).unwrap();
        for manager in managers::ALL {
            let name = manager.name;
            let (_, service) = text
                .split_once(&format!("\n  {name}:\n    <<: *daemon\n"))
                .unwrap_or_else(|| panic!("no service {name}"));
            let own = service.split("\n\n").next().unwrap();
            assert!(own.contains(&format!("args: {{ BIN: {name} }}")), "{name}");
            assert!(own.contains("<<: *environment"), "{name}");
            assert!(
                own.contains(&format!("volumes: [\"{name}:/data\"]")),
                "{name}"
            );
        }
        for setting in [
            "DATABASE_DSN",
            "RABBITMQ_ADDRESS",
            "REDIS_ADDRESS",
            "SECRETS_KEY",
        ] {
            assert!(text.contains(&format!("\n  {setting}: ")), "{setting}");
        }
    }

    #[rstest]
    #[case::up(
        "dbhandler/rows.rs",
        "\nuse crate::thinghandler::Rule;",
        ":2: dbhandler points up to thinghandler"
    )]
    #[case::grouped(
        "models/a.rs",
        "use crate::{\n    models::b,\n    dbhandler::{c, d},\n};",
        ":3: models points up to dbhandler"
    )]
    #[case::super_way(
        "models/a.rs",
        "use super::super::app::App;",
        ":1: models points up to app"
    )]
    #[case::in_a_line(
        "models.rs",
        "fn f() {\n    super::dbhandler::g();\n}",
        ":2: models points up to dbhandler"
    )]
    #[case::unknown_folder("cupboard/a.rs", "", "on which floor is cupboard?")]
    #[case::unknown_import("models/a.rs", "use crate::Thing;", ":1: on which floor is Thing?")]
    fn what_points_up_is_told_with_its_line(
        #[case] file: &str,
        #[case] text: &str,
        #[case] expected: &str,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let said = faults(dir.path());
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].ends_with(expected), "{said:?}");
    }

    #[test]
    fn two_that_need_each_other_are_told_and_tests_do_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write(
            "onehandler.rs",
            "use crate::twohandler::b; // crate::listenhandler\n",
        );
        write(
            "twohandler.rs",
            "mod tests {\n    use crate::onehandler::a;\n}\n",
        );
        assert_eq!(faults(dir.path()), Vec::<String>::new());
        write(
            "twohandler.rs",
            "use crate::{NAME, models::c, onehandler::a};\n",
        );
        assert_eq!(faults(dir.path()).len(), 2);
        // Tests in a file of their own are named before the imports.
        let beside = "#[cfg(test)]\nmod tests;\nuse crate::onehandler::a;\n";
        write("twohandler.rs", beside);
        assert_eq!(faults(dir.path()).len(), 2);
    }

    /// Whether a text of a program's code is a statement, or has one in brackets.
    fn has_sql(code: &str) -> bool {
        const BEGINNINGS: [&str; 7] = [
            "\"SELECT ",
            "(SELECT ",
            "\"INSERT INTO ",
            "\"REPLACE INTO ",
            "\"UPDATE ",
            "\"DELETE FROM ",
            "\"WITH ",
        ];
        BEGINNINGS.iter().any(|begin| code.contains(begin))
    }

    #[rstest]
    #[case::whole("let sql = \"SELECT id FROM t\";", true)]
    #[case::within("repair: \"count = (SELECT COUNT(*) FROM t)\",", true)]
    #[case::row_replaced("format!(\"REPLACE INTO t VALUES {groups}\")", true)]
    #[case::tail_of_a_select("db.select(\"WHERE id = ?\", values)", false)]
    #[case::sentence("// An UPDATE counts what it SELECTs.", false)]
    fn a_statement_is_known_by_its_beginning(#[case] code: &str, #[case] expected: bool) {
        assert_eq!(has_sql(code), expected);
    }

    /// Rules read better without statements between them.
    #[test]
    fn sql_stands_in_dbhandler() {
        let mut found = Vec::new();
        for source in sources() {
            let mut all = Vec::new();
            files(&source, &[], &mut all);
            for (path, module, _) in all {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("\nmod tests {").next().unwrap_or_default();
                if module != "dbhandler" && has_sql(code) {
                    found.push(path);
                }
            }
        }
        assert!(found.is_empty(), "{found:#?}");
    }

    /// Files of a folder but for tests, and their lines.
    fn size(folder: &Path) -> (usize, usize) {
        let (mut count, mut lines) = (0, 0);
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap();
            let (more, of_them) = if name == "tests" {
                (0, 0)
            } else if path.is_dir() {
                size(&path)
            } else {
                (1, fs::read_to_string(&path).unwrap().lines().count())
            };
            count += more;
            lines += of_them;
        }
        (count, lines)
    }

    /// What docs/new-manager.md promises of the smallest manager.
    #[test]
    fn a_manager_with_one_entity_is_small() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (files, lines) = size(&root.join("docs/tags-manager"));
        assert!(files <= 6, "{files} files");
        assert!(lines <= 200, "{lines} lines");
    }

    /// A manager is named in one list of the sources; what else wants all of them follows from it.
    #[test]
    fn a_manager_is_listed_once() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let list = fs::read_to_string(root.join("src/managers.rs")).unwrap();
        for manager in managers::ALL {
            let named = format!("{}::MANAGER", manager.crate_name);
            assert_eq!(list.matches(&named).count(), 1, "{named}");
        }
    }
}

//! A vendor's own reader, in one Python process a file.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::IpAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::thread;

use event::Place;
use testkit::project;

/// The fields that are known, as text.
pub type Fields = BTreeMap<String, String>;

/// What the reader of this format says of each address.
pub fn places(format: &str, file: &Path, addresses: &[IpAddr]) -> Vec<Rc<Fields>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/geodata/agreement/reference.py");
    let mut command = Command::new(project::python());
    command.arg(script).arg(format).arg(file).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let places = thread::scope(|scope| {
        let mut input = BufWriter::new(child.stdin.take().unwrap());
        scope.spawn(move || addresses.iter().for_each(|address| writeln!(input, "{address}").unwrap()));
        read(&mut child)
    });
    assert!(child.wait().unwrap().success());
    places
}

/// Most addresses share their place with many others: each is parsed once.
fn read(child: &mut Child) -> Vec<Rc<Fields>> {
    let mut parsed = HashMap::new();
    let mut fields = |line: String| {
        let parse = |line: &String| Rc::new(serde_json::from_str::<Fields>(line).unwrap());
        parsed.entry(line).or_insert_with_key(parse).clone()
    };
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.map(|line| fields(line.unwrap())).collect()
}

/// A place in the same shape; degrees with six decimals.
pub fn fields(place: &Place) -> Fields {
    let degrees = |degrees: Option<f64>| degrees.map(|degrees| format!("{degrees:.6}"));
    let fields = [
        ("country", place.country.clone()),
        ("country_name", place.country_name.clone()),
        ("state", place.state.clone()),
        ("region_code", place.region_code.clone()),
        ("city", place.city.clone()),
        ("continent", place.continent.clone()),
        ("postcode", place.postcode.clone()),
        ("latitude", degrees(place.latitude)),
        ("longitude", degrees(place.longitude)),
        ("accuracy_km", place.accuracy_km.map(|radius| radius.to_string())),
        ("timezone", place.timezone.clone()),
        ("asn", place.asn.map(|number| number.to_string())),
        ("as_org", place.as_org.clone()),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

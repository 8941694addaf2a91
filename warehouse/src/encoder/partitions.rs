//! Which partition each row belongs to.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow_row::{RowConverter, SortField};
use arrow_schema::{ArrowError, DataType, Field, Schema as ArrowSchema, SchemaRef as ArrowSchemaRef};
use iceberg::arrow::{PartitionValueCalculator, arrow_struct_to_literal, schema_to_arrow_schema};
use iceberg::spec::{Literal, PartitionKey, PartitionSpecRef, SchemaRef, Struct, TableMetadata};

use crate::Error;

/// Name of the column behind all others that tells the number of the row's partition.
const NUMBER: &str = "_partition";

/// The partitions that were met, each with a number of its own.
pub(super) struct Partitions {
    schema: SchemaRef,
    spec: PartitionSpecRef,
    /// Absent when the table is not partitioned.
    values: Option<Values>,
    numbers: HashMap<Box<[u8]>, u32>,
    keys: Vec<PartitionKey>,
    columns: ArrowSchemaRef,
    numbered: ArrowSchemaRef,
}

/// Computes partition values and puts them into bytes that are the same when the values are.
struct Values {
    calculator: PartitionValueCalculator,
    converter: RowConverter,
}

impl Partitions {
    /// Those of the table's current schema and partition spec.
    pub(super) fn of(metadata: &TableMetadata) -> Result<Self, Error> {
        let (schema, spec) = (metadata.current_schema().clone(), metadata.default_partition_spec().clone());
        let arrow = schema_to_arrow_schema(&schema).map_err(Error::iceberg("read the table's schema"))?;
        let number = Arc::new(Field::new(NUMBER, DataType::UInt32, false));
        let columns: Vec<_> = arrow.fields().iter().cloned().chain([number]).collect();
        let values = if spec.is_unpartitioned() { None } else { Some(Values::of(&spec, &schema)?) };
        let mut partitions = Self {
            schema,
            spec,
            values,
            numbers: HashMap::new(),
            keys: Vec::new(),
            columns: Arc::new(arrow),
            numbered: Arc::new(ArrowSchema::new(columns)),
        };
        if partitions.values.is_none() {
            let nothing = partitions.spec.fields().iter().map(|_| None);
            partitions.keys.push(partitions.key(Struct::from_iter(nothing)));
        }
        Ok(partitions)
    }

    /// The columns of a batch that is [`numbered`](Self::number).
    pub(super) fn numbered_schema(&self) -> &ArrowSchemaRef {
        &self.numbered
    }

    /// The partition of a number.
    pub(super) fn partition(&self, number: u32) -> &PartitionKey {
        &self.keys[number as usize]
    }

    /// A numbered batch without the numbers.
    pub(super) fn unnumbered(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let columns = batch.columns().iter().take(self.columns.fields().len()).cloned().collect();
        RecordBatch::try_new(self.columns.clone(), columns)
    }

    /// The batch with the number of each row's partition in one column more.
    pub(super) fn number(&mut self, batch: &RecordBatch) -> Result<RecordBatch, Error> {
        let numbers = self.numbers_of(batch)?;
        let columns = batch.columns().iter().cloned().chain([Arc::new(numbers) as ArrayRef]).collect();
        Ok(RecordBatch::try_new(self.numbered.clone(), columns)?)
    }

    fn numbers_of(&mut self, batch: &RecordBatch) -> Result<UInt32Array, Error> {
        let Some(values) = &self.values else { return Ok(UInt32Array::from_value(0, batch.num_rows())) };
        let array = values.calculator.calculate(batch).map_err(Error::iceberg("compute partitions"))?;
        let rows = values.converter.convert_columns(array.as_struct().columns())?;
        let mut numbers = Vec::with_capacity(batch.num_rows());
        for (index, row) in rows.iter().enumerate() {
            let number = match self.numbers.get(row.data()) {
                Some(number) => *number,
                None => self.add(row.data(), &array.slice(index, 1))?,
            };
            numbers.push(number);
        }
        Ok(numbers.into())
    }

    fn add(&mut self, bytes: &[u8], value: &ArrayRef) -> Result<u32, Error> {
        let action = "read a partition's value";
        let kind = self.spec.partition_type(&self.schema).map_err(Error::iceberg(action))?;
        let mut literals = arrow_struct_to_literal(value, &kind).map_err(Error::iceberg(action))?;
        let Some(Some(Literal::Struct(value))) = literals.pop() else {
            return Err(Error::Row("it is in no partition".to_owned()));
        };
        let number =
            u32::try_from(self.keys.len()).map_err(|_| Error::Row("there are too many partitions".to_owned()))?;
        self.keys.push(self.key(value));
        self.numbers.insert(bytes.into(), number);
        Ok(number)
    }

    fn key(&self, value: Struct) -> PartitionKey {
        PartitionKey::new(self.spec.as_ref().clone(), self.schema.clone(), value)
    }
}

/// The rows of a numbered and sorted batch in stretches of one partition each, with its number.
pub(super) fn stretches(batch: &RecordBatch) -> Vec<(u32, Range<usize>)> {
    let Some(numbers) = batch.columns().last() else { return Vec::new() };
    let mut end = 0;
    let stretches = numbers.as_primitive::<UInt32Type>().values().chunk_by(|one, next| one == next);
    let stretch = |numbers: &[u32]| {
        let start = end;
        end += numbers.len();
        (numbers[0], start..end)
    };
    stretches.map(stretch).collect()
}

impl Values {
    fn of(spec: &PartitionSpecRef, schema: &SchemaRef) -> Result<Self, Error> {
        let calculator =
            PartitionValueCalculator::try_new(spec, schema).map_err(Error::iceberg("prepare the partitions"))?;
        let fields: Vec<SortField> = match calculator.partition_arrow_type() {
            DataType::Struct(fields) => fields.iter().map(|field| SortField::new(field.data_type().clone())).collect(),
            _ => Vec::new(),
        };
        Ok(Self { calculator, converter: RowConverter::new(fields)? })
    }
}

//! A function of DataFusion with a limit on what one call makes.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{ExprSchema, Result, ScalarValue};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::preimage::PreimageResult;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::udf_eq::UdfEq;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ExpressionPlacement, ReturnFieldArgs, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, StructFieldMapping,
};
use lakegate_common::ByteSize;

use super::call::Call;
use super::{TooLarge, lists, regexp, series, texts};

/// `function` with `limit` on what one call makes, where that can be much more than it is given.
pub(super) fn bounded(function: Arc<ScalarUDF>, limit: ByteSize) -> Arc<ScalarUDF> {
    match Growth::of(function.name()) {
        Some(growth) => {
            let inner = Arc::clone(function.inner()).into();
            Arc::new(ScalarUDF::new_from_impl(Bounded { inner, growth, limit }))
        }
        None => function,
    }
}

/// How the result of a function grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Growth {
    Repeat,
    Pad,
    Replace,
    RegexpReplace,
    ArrayRepeat,
    ArrayResize,
    ArrayReplaceAll,
    ArrayReplaceSome,
    ArrayToString,
    Range,
    Series,
}

impl Growth {
    /// `None` where the result is never much larger than the arguments.
    fn of(function: &str) -> Option<Self> {
        Some(match function {
            "repeat" => Self::Repeat,
            "lpad" | "rpad" => Self::Pad,
            "replace" => Self::Replace,
            "regexp_replace" => Self::RegexpReplace,
            "array_repeat" => Self::ArrayRepeat,
            "array_resize" => Self::ArrayResize,
            "array_replace_all" => Self::ArrayReplaceAll,
            "array_replace_n" => Self::ArrayReplaceSome,
            "array_to_string" => Self::ArrayToString,
            "range" => Self::Range,
            "generate_series" => Self::Series,
            _ => return None,
        })
    }

    /// What `call` would make, in bytes.
    fn size(self, call: &Call<'_>) -> Result<u64> {
        match self {
            Self::Repeat => Ok(texts::repeat(call)),
            Self::Pad => Ok(texts::pad(call)),
            Self::Replace => Ok(texts::replace(call)),
            Self::RegexpReplace => Ok(regexp::replace(call)),
            Self::ArrayRepeat => lists::repeat(call),
            Self::ArrayResize => lists::resize(call),
            Self::ArrayReplaceAll => lists::replace(call, |_| u64::MAX),
            Self::ArrayReplaceSome => lists::replace(call, |row| call.count(3, row)),
            Self::ArrayToString => lists::to_text(call),
            Self::Range => series::size(call, false),
            Self::Series => series::size(call, true),
        }
    }
}

/// The function and its limit. All but the call is left to the function.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: UdfEq<Arc<dyn ScalarUDFImpl>>,
    growth: Growth,
    limit: ByteSize,
}

impl Bounded {
    fn check(&self, args: &ScalarFunctionArgs) -> Result<()> {
        let limit = self.limit.bytes();
        let size =
            self.growth.size(&Call { arguments: &args.args, rows: args.number_rows, limit })?;
        if size <= limit {
            return Ok(());
        }
        Err(DataFusionError::External(Box::new(TooLarge {
            function: self.inner.name().to_string(),
            size: ByteSize(size),
            limit: self.limit,
        })))
    }
}

// A method that is not passed on would be DataFusion's default instead of the function's own.
#[warn(clippy::missing_trait_methods)]
impl ScalarUDFImpl for Bounded {
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.check(&args)?;
        self.inner.invoke_with_args(args)
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let changed = self.inner.with_updated_config(config)?;
        let inner = Arc::clone(changed.inner()).into();
        Some(ScalarUDF::new_from_impl(Self { inner, growth: self.growth, limit: self.limit }))
    }

    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    #[expect(deprecated, reason = "the trait has it still")]
    fn display_name(&self, args: &[Expr]) -> Result<String> {
        self.inner.display_name(args)
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        self.inner.schema_name(args)
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    #[expect(deprecated, reason = "the trait has it still")]
    fn is_nullable(&self, args: &[Expr], schema: &dyn ExprSchema) -> bool {
        self.inner.is_nullable(args, schema)
    }

    fn is_strict(&self) -> bool {
        self.inner.is_strict()
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.inner.simplify(args, info)
    }

    fn preimage(
        &self,
        args: &[Expr],
        lit_expr: &Expr,
        info: &SimplifyContext,
    ) -> Result<PreimageResult> {
        self.inner.preimage(args, lit_expr, info)
    }

    fn short_circuits(&self) -> bool {
        self.inner.short_circuits()
    }

    fn conditional_arguments<'a>(
        &self,
        args: &'a [Expr],
    ) -> Option<(Vec<&'a Expr>, Vec<&'a Expr>)> {
        self.inner.conditional_arguments(args)
    }

    fn evaluate_bounds(&self, input: &[&Interval]) -> Result<Interval> {
        self.inner.evaluate_bounds(input)
    }

    fn propagate_constraints(
        &self,
        interval: &Interval,
        inputs: &[&Interval],
    ) -> Result<Option<Vec<Interval>>> {
        self.inner.propagate_constraints(interval, inputs)
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.inner.output_ordering(inputs)
    }

    fn preserves_lex_ordering(&self, inputs: &[ExprProperties]) -> Result<bool> {
        self.inner.preserves_lex_ordering(inputs)
    }

    fn strictly_order_preserving(&self, inputs: &[ExprProperties]) -> Result<bool> {
        self.inner.strictly_order_preserving(inputs)
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arg_types)
    }

    fn struct_field_mapping(
        &self,
        literal_args: &[Option<ScalarValue>],
    ) -> Option<StructFieldMapping> {
        self.inner.struct_field_mapping(literal_args)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }

    fn placement(&self, args: &[ExpressionPlacement]) -> ExpressionPlacement {
        self.inner.placement(args)
    }
}

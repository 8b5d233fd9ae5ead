//! `JUMP CHAIN`: run another chain.

use crate::actions::{Action, Flow, Spec, required};
use crate::conditions::Parameter;
use crate::outcome::FaultKind;
use crate::program::{ChainId, Value};
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

pub(crate) const SPEC: Spec = Spec {
    name: "JUMP_CHAIN",
    parameter: Parameter::Required("Expected the name of a chain"),
    syntax: "JUMP CHAIN=user/name",
    summary: "The rules of another chain are run, those of all scripts that have it. If none of them decides, this rule goes on. A chain that nobody defines is empty.",
    example: "KIND: message
JUMP CHAIN=user/custom
LOG=user/custom had nothing to say

::user/custom

FROM: spam.example
DROP.

%TEST the chain decides: drop
<message from='spam.example' to='juliet@example.com'/>

%TEST without a decision the rule goes on: none
<message from='romeo@example.net/x' to='juliet@example.com'><body>Hi</body></message>
logged: user/custom had nothing to say
",
    parse,
};

/// Steps that a jump costs, so that chains that jump to each other end by the budget too.
const COST: u64 = 32;

#[derive(Debug)]
struct JumpChain {
    chain: ChainId,
}

fn parse(scope: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Action>, Refusal> {
    let name = required(value).trim();
    if name.is_empty() {
        return Err(Refusal::invalid("Expected the name of a chain"));
    }
    let chain = scope.numbers.chain(name);
    scope.jumps.push(chain);
    Ok(Box::new(JumpChain { chain }))
}

impl Action for JumpChain {
    fn perform(&self, run: &mut Run<'_>, _: u32) -> Flow {
        if !run.budget.take(COST) {
            run.fail(FaultKind::Budget);
            return Flow::Gone;
        }
        let ruleset = run.ruleset;
        match ruleset.jump(run, self.chain) {
            Value::Nothing => Flow::Continue,
            value => Flow::Inherit(value),
        }
    }
}

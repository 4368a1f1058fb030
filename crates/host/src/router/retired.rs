//! Programs on their way out.

use std::collections::BTreeMap;
use std::sync::Arc;

use weft_engine::Program;
use weft_engine::route::RouteTable;
use weft_model::id::ComponentId;

/// Programs that were exchanged or stopped, and may still have calls, which end on the routes that they have.
///
/// Programs hold each other by their routes, so a circle of them would stay in memory for ever.
#[derive(Default)]
pub(super) struct Retired {
    /// Those since the last look. A call may be on its way to one and not be counted yet.
    new: Vec<Arc<Program>>,
    old: Vec<Arc<Program>>,
}

// ===== impl Retired =====

impl Retired {
    pub(super) fn is_empty(&self) -> bool {
        self.new.is_empty() && self.old.is_empty()
    }

    /// Takes those of `former` that are not among `present`.
    pub(super) fn take(
        &mut self,
        former: BTreeMap<ComponentId, Arc<Program>>,
        present: &BTreeMap<ComponentId, Arc<Program>>,
    ) {
        let exchanged = former.into_iter().filter(|(id, program)| {
            present
                .get(id)
                .is_none_or(|present| !Arc::ptr_eq(present, program))
        });
        self.new.extend(exchanged.map(|(_, program)| program));
    }

    /// Lets go of the old ones if no program has calls: a call of one may lead to the others.
    pub(super) fn release(&mut self) {
        let mut programs = self.old.iter().chain(&self.new);
        if programs.all(|program| program.is_idle()) {
            for program in self.old.drain(..) {
                program.set_routes(RouteTable::default());
            }
        }
        self.old.append(&mut self.new);
    }
}

#[cfg(test)]
mod tests {
    use weft_engine::route::SlotRoutes;
    use weft_engine::{Engine, Options};
    use weft_model::limits::LimitOverrides;

    use super::*;

    #[tokio::test]
    async fn a_program_that_leads_to_itself_is_let_go_of_when_it_is_exchanged() {
        let component = wat::parse_str(
            r#"(component
                (import "a:b/c" (instance $i (export "f" (func))))
                (core module $m (func (export "f")))
                (core instance $m (instantiate $m))
                (func $f (canon lift (core func $m "f")))
                (instance $e (export "f" (func $f)))
                (export "a:b/c" (instance $e)))"#,
        );
        let engine = Engine::start(Options::default(), Vec::new()).unwrap();
        let (code, _) = engine.load(component.unwrap().into()).await.unwrap();
        let id: ComponentId = "a".parse().unwrap();
        let link = || {
            let limits = LimitOverrides::default();
            let program = engine.link(&code, id.clone(), 1, &limits).unwrap();
            let default = program.route_to(0, &program).unwrap();
            program.set_routes(RouteTable::new(vec![SlotRoutes {
                default,
                named: Vec::new(),
            }]));
            BTreeMap::from([(id.clone(), program)])
        };
        let (former, present) = (link(), link());
        let old = Arc::downgrade(&former[&id]);
        let mut retired = Retired::default();
        retired.take(former, &present);
        // Not at once: a call may be on its way.
        retired.release();
        assert!(old.upgrade().is_some() && !retired.is_empty());
        retired.release();
        assert!(old.upgrade().is_none() && retired.is_empty());

        retired.take(present.clone(), &present);
        assert!(retired.is_empty());
    }
}

//! One pull for all who want the same at the same time.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use super::pull::Pulled;
use crate::progress::{Step, Teller};
use crate::registry::RegistryError;

type Outcome = Result<Pulled, RegistryError>;

/// The pulls that are under way, by what they are of.
#[derive(Default)]
pub(super) struct Flights {
    flights: Mutex<BTreeMap<String, Arc<Flight>>>,
}

/// One pull. Whoever holds the permit does it; the others wait for the permit and then find the outcome, or, when the
/// one before them was cancelled, do it themselves.
struct Flight {
    permit: Semaphore,
    outcome: Mutex<Option<Outcome>>,
}

/// Forgets a flight when nobody is on it any more.
struct Seat<'a> {
    flights: &'a Flights,
    key: &'a str,
    flight: Arc<Flight>,
}

// ===== impl Flights =====

impl Flights {
    /// The outcome of `pull`, or of the pull with the same key that is under way.
    pub(super) async fn join(
        &self,
        key: &str,
        teller: &Teller,
        pull: impl Future<Output = Outcome>,
    ) -> Outcome {
        let seat = Seat {
            flight: self.lock().entry(key.to_owned()).or_default().clone(),
            flights: self,
            key,
        };
        if seat.flight.permit.available_permits() == 0 {
            teller.tell(Step::Waiting);
        }
        let _permit = seat.flight.permit.acquire().await;
        if let Some(outcome) = seat.flight.outcome().clone() {
            return outcome;
        }
        let outcome = pull.await;
        *seat.flight.outcome() = Some(outcome.clone());
        // Who comes from now on asks anew.
        seat.leave();
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Flight>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// ===== impl Flight =====

impl Flight {
    fn outcome(&self) -> MutexGuard<'_, Option<Outcome>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Flight {
    fn default() -> Self {
        Self {
            permit: Semaphore::new(1),
            outcome: Mutex::default(),
        }
    }
}

// ===== impl Seat =====

impl Seat<'_> {
    fn leave(&self) {
        let mut flights = self.flights.lock();
        if flights
            .get(self.key)
            .is_some_and(|flight| Arc::ptr_eq(flight, &self.flight))
        {
            flights.remove(self.key);
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        // The map's and this one: the last who wanted it was cancelled.
        let mut flights = self.flights.lock();
        let is_current = flights
            .get(self.key)
            .is_some_and(|flight| Arc::ptr_eq(flight, &self.flight));
        if is_current && Arc::strong_count(&self.flight) <= 2 {
            flights.remove(self.key);
        }
    }
}

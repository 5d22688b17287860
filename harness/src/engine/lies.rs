//! Malicious nodes in both engines.
//!
//! **Invariant:** an honest node handles its messages itself.

use hopwise_kernel::node::MessageOf;
use hopwise_kernel::{Context, Node as _, Peer};

use crate::network::Disturbances;
use crate::plug::{ProtocolOf, System};

/// Lets `node` lie about a message of `from` if it is malicious. Returns whether it did.
pub(super) fn tell<S: System>(
    disturbances: &Disturbances,
    system: &S,
    node: &S::Node,
    cx: &mut Context<'_, ProtocolOf<S>>,
    from: Peer,
    message: &MessageOf<'_, ProtocolOf<S>>,
) -> bool {
    let Some(liar) = disturbances.liar(node.peer().id, cx.now) else { return false };
    let told = system.lie(liar.lie, node, cx, from, message, &|id| liar.is_accomplice(id));
    if told {
        liar.count();
    }
    told
}

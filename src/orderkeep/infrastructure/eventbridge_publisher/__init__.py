"""Events on a bus of Amazon EventBridge, as CloudEvents."""

from orderkeep.infrastructure.eventbridge_publisher.publisher import EventBridgePublisher

__all__ = ["EventBridgePublisher"]

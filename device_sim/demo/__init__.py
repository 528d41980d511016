"""The whole product in one terminal: broker, cloud, two gateways, devices, and the proof."""

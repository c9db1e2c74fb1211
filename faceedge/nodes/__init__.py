"""The only folder that imports rclpy: one lifecycle node a file, message conversions, QoS, diagnostics."""

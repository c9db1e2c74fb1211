"""Face authentication and expressions by radar: data sets, protocols, methods, figures."""

"""The book on paper: `manuscript` joins the built pages, `press` prints them."""
